// What is done to a page before its picture is taken, so that nobody's data are in it, and
// undone afterwards. Works in the document and in every open shadow root.
"use strict";

// Under this the page keeps what it was.
const KEY = Symbol.for("siaga.masked");
// Their text is what somebody typed or chose.
const FIELDS = "input:not([type=submit]):not([type=button]):not([type=reset]):not([type=image])"
  + ":not([type=checkbox]):not([type=radio]):not([type=hidden]), textarea, select, output, meter,"
  + " [contenteditable]:not([contenteditable=false])";
// What they show cannot be read, so nobody knows what it is.
const OPAQUE = "canvas, video, iframe, frame, object, embed, img[src^='blob:'], img[src^='data:'],"
  + " image[href^='data:'], image[href^='blob:']";
const HIDE = `${FIELDS} { -webkit-text-fill-color: transparent !important; color: transparent
  !important; text-shadow: none !important; background: #c4c7cc !important; }
  ${FIELDS.split(",").map((css) => `${css}::placeholder`).filter((css) => /input|textarea/.test(css))
    .join(",")} { -webkit-text-fill-color: transparent !important; }
  input::file-selector-button { visibility: hidden !important; }
  ${OPAQUE} { visibility: hidden !important; }`;
// Attributes whose value may be shown; changing others could start something.
const SHOWN = new Set(["title", "alt", "placeholder", "value", "label"]);

function isFilled(field) {
  if (field.isContentEditable) return field.textContent.trim() !== "";
  return "value" in field && field.localName !== "select" && String(field.value).trim() !== "";
}

// Masks the page; `secrets` are pairs of a text and what is put in its place. Says how many
// places held a secret, and how many fields were filled. May be called again: only what is
// new counts then.
function mask(secrets) {
  const kept = document[KEY] || { undo: [], hidden: new WeakSet(), styled: new WeakSet() };
  if (!document[KEY]) Object.defineProperty(document, KEY, { value: kept, configurable: true });
  const patterns = secrets.map(([text, put]) =>
    [new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+"), "gi"), put]);
  const masked = (text) => patterns.reduce((text, [find, put]) => text.replace(find, () => put), text);
  const told = { secrets: 0, filled: 0, opaque: 0 };
  for (const root of roots()) {
    if (!kept.styled.has(root)) {
      kept.styled.add(root);
      told.filled += [...root.querySelectorAll(FIELDS)].filter(isFilled).length;
      told.opaque += root.querySelectorAll(OPAQUE).length;
      // A sheet that the page's own policy for styles cannot refuse.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(HIDE);
      root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
      kept.undo.push(() => {
        root.adoptedStyleSheets = root.adoptedStyleSheets.filter((other) => other !== sheet);
      });
    }
    const top = root === document ? document.documentElement : root;
    if (!top) continue;
    const texts = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const parent = node.parentElement;
      if (parent && (parent.localName === "script" || parent.localName === "style")) continue;
      const [before, after] = [node.data, masked(node.data)];
      if (after === before) continue;
      told.secrets += 1;
      const text = node;
      text.data = after;
      kept.undo.push(() => { if (text.data === after) text.data = before; });
    }
    for (const element of root.querySelectorAll("*:not(input[type=hidden])")) {
      for (const { name, value: before } of [...element.attributes]) {
        if (!SHOWN.has(name) && !name.startsWith("data-") && !name.startsWith("aria-")) continue;
        const after = masked(before);
        if (after === before) continue;
        told.secrets += 1;
        element.setAttribute(name, after);
        kept.undo.push(() => {
          if (element.getAttribute(name) === after) element.setAttribute(name, before);
        });
      }
    }
    // A text in several pieces: the smallest element that has all of it is hidden.
    const whole = (element) => masked(element.textContent) !== element.textContent;
    let wide = top instanceof ShadowRoot ? [...top.children] : [top];
    for (let depth = 0; wide.length > 0 && depth < 200; depth += 1) {
      const next = [];
      for (const element of wide) {
        if (kept.hidden.has(element) || element.localName === "script"
          || element.localName === "style" || !whole(element)) continue;
        const inner = [...element.children].filter((child) => child.localName !== "script"
          && child.localName !== "style" && whole(child));
        if (inner.length > 0) {
          next.push(...inner);
          continue;
        }
        const spoken = [...element.childNodes].filter((child) =>
          child.localName !== "script" && child.localName !== "style")
          .map((child) => child.textContent).join("");
        if (masked(spoken) === spoken || !element.style) continue;
        told.secrets += 1;
        kept.hidden.add(element);
        const before = element.style.cssText;
        element.style.setProperty("visibility", "hidden", "important");
        for (const child of element.querySelectorAll("*")) {
          if (child.style) child.style.setProperty("visibility", "hidden", "important");
        }
        kept.undo.push(() => { element.style.cssText = before; });
      }
      wide = next;
    }
  }
  return told;
}

// Makes the page what it was.
function unmask() {
  const kept = document[KEY];
  if (!kept) return;
  delete document[KEY];
  for (const undo of kept.undo.reverse()) undo();
}
