// What the monitor asks a page. Each function is called by name, with its arguments as JSON.
// Nothing of it stays in the page.
"use strict";

// Elements without content.
const EMPTY = new Set(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta",
  "source", "track", "wbr"]);
// Elements whose text is written as it stands.
const RAW = new Set(["script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext"]);
// Elements whose text nobody reads.
const UNREAD = new Set(["SCRIPT", "STYLE", "TEMPLATE", "TITLE", "NOSCRIPT", "IFRAME", "DATALIST"]);
// Elements that do not part words.
const INLINE = new Set(["A", "ABBR", "B", "CODE", "EM", "FONT", "I", "SMALL", "SPAN", "STRONG",
  "SUB", "U", "SLOT"]);

function isShown(element) {
  const box = element.getBoundingClientRect();
  return element.checkVisibility({ visibilityProperty: true }) && box.width > 0 && box.height > 0;
}

// Whether a frame of this page has what the page itself lacks.
function inFrame(css) {
  if (typeof css !== "string") return null;
  for (const frame of document.querySelectorAll("iframe, frame")) {
    try {
      if (frame.contentDocument && frame.contentDocument.querySelector(css)) return frame.src;
    } catch {
      // A frame of another origin is none of ours.
    }
  }
  return null;
}

function name(element) {
  const type = element.getAttribute("type");
  return element.localName === "input" && type !== null
    ? `an <input type="${type}">` : `a <${element.localName}>`;
}

// What cannot be looked into: frames by address, and elements with a closed inside by name.
function closedPlaces() {
  const frames = [...document.querySelectorAll("iframe, frame")].map((frame) => frame.src);
  const closed = [...document.querySelectorAll(":defined")].filter((element) =>
    element.localName.includes("-") && !element.shadowRoot && !element.firstElementChild
    && isShown(element));
  return {
    frames: frames.filter(Boolean).slice(0, 3),
    closed: closed.slice(0, 1).map((element) => element.localName),
  };
}

// Notes whether the next press leads away from this page: a navigation begins a moment later,
// and until then the page looks as if nothing came of it.
const LEAVES = Symbol.for("leaves");

function watch() {
  if (window[LEAVES]) return;
  Object.defineProperty(window, LEAVES, { value: { now: false } });
  const stays = (target) => target && target !== "_self" && target !== "_top";
  addEventListener("submit", (event) => {
    const button = event.submitter;
    const target = button && button.hasAttribute("formtarget") ? button.formTarget : event.target.target;
    const method = button && button.hasAttribute("formmethod") ? button.formMethod : event.target.method;
    if (!event.defaultPrevented && method !== "dialog" && !stays(target)) window[LEAVES].now = true;
  });
  addEventListener("click", (event) => {
    const link = event.composedPath().find((node) => node.localName === "a" || node.localName === "area");
    if (!link || !link.href || event.defaultPrevented || stays(link.target)) return;
    const isPage = /^https?:/.test(link.href);
    const isHere = link.hash && link.href.replace(/#.*/, "") === location.href.replace(/#.*/, "");
    if (isPage && !isHere && !link.hasAttribute("download")) window[LEAVES].now = true;
  });
}

// What a target means: how many there are and, of a single one, what it is.
function locate(css, leaving) {
  const found = all(css);
  if (leaving && found.length === 1) watch();
  if (found.length === 0) {
    const ids = [...document.querySelectorAll("[id]")].slice(0, 1000).map((element) => element.id);
    return {
      count: 0, frame: inFrame(css), ids: ids.filter((id) => id.length < 100), ...closedPlaces(),
    };
  }
  if (found.length > 1) return { count: found.length, each: toldApart(found) };
  return { count: found.length, element: found[0], ...description(found[0]) };
}

function description(element) {
  const tag = element.localName;
  return {
    tag, name: name(element),
    kind: tag === "input" || tag === "button" || tag === "select" ? element.type : tag,
    disabled: element.matches(":disabled"),
    readonly: element.readOnly === true,
    shown: isShown(element),
    checked: element.checked === true,
    editable: element.isContentEditable === true,
    multiple: element.multiple === true,
    link: Boolean(element.closest("a[href], area[href]")),
    form: tag === "form" || Boolean(element.form),
    empty: element.value === "",
    most: element.maxLength >= 0 ? element.maxLength : null,
    download: Boolean(element.closest("a[download], area[download]")),
    held: held(element),
  };
}

// What the browser would say instead of sending the form that an element submits.
function held(element) {
  const form = element.localName === "form" ? element : element.form;
  // Enter in a field presses the form's first button.
  const isField = element !== form && element.type !== "submit" && element.type !== "image";
  const button = isField && form
    ? [...form.elements].find((other) => other.type === "submit" || other.type === "image") : element;
  if (!form || form.noValidate || button && button.formNoValidate) return null;
  const wrong = [...form.elements].find((field) => field.willValidate && !field.validity.valid);
  if (!wrong) return null;
  const name = wrong.id ? `#${wrong.id}` : `[name=${wrong.name}]`;
  return `\`${name}\`: ${wrong.validationMessage}`;
}

function fire(element, ...types) {
  for (const type of types) element.dispatchEvent(new Event(type, { bubbles: true, composed: true }));
}

// Writes a value as a script of the page would, with the events that typing has.
function write(element, text) {
  const prototype = Object.getPrototypeOf(element);
  const setter = Object.getOwnPropertyDescriptor(prototype, "value");
  element.focus();
  if (setter && setter.set) setter.set.call(element, text);
  else element.textContent = text;
  fire(element, "input", "change");
  return element.value;
}

function label(option) {
  return (option.label || option.textContent).split(/\s+/).filter(Boolean).join(" ");
}

// Chooses options of a select, or finds the radio buttons to press.
function choose(css, wanted) {
  const found = all(css);
  if (found.length === 0) return locate(css);
  const first = found[0];
  if (first.localName === "select") {
    if (found.length > 1) return { count: found.length, each: toldApart(found) };
    if (first.matches(":disabled")) return { count: 1, unfit: "disabled" };
    const options = [...first.options];
    const chosen = [];
    for (const wish of wanted) {
      const option = options.find((option) => option.value === wish)
        || options.find((option) => label(option) === wish);
      if (!option) return { count: 1, missing: wish, has: options.map((option) => option.value) };
      if (option.matches(":disabled") || option.closest("optgroup:disabled")) {
        return { count: 1, unfit: `offering \`${wish}\` only disabled` };
      }
      chosen.push(option);
    }
    if (chosen.length > 1 && !first.multiple) {
      return { count: 1, unfit: "a select for one option only" };
    }
    first.focus();
    for (const option of options) option.selected = chosen.includes(option);
    fire(first, "input", "change");
    return { count: 1, done: true };
  }
  if (found.every((element) => element.type === "radio" || element.type === "checkbox")) {
    const group = first.type === "radio" && found.length === 1 && first.name
      ? [...(first.form || document).querySelectorAll("input[type=radio]")]
        .filter((other) => other.name === first.name && other.form === first.form)
      : found;
    const press = [];
    for (const wish of wanted) {
      const button = group.find((button) => button.value === wish)
        || group.find((button) => [...(button.labels || [])].some((text) => label(text) === wish));
      if (!button) return { count: 1, missing: wish, has: group.map((button) => button.value) };
      if (button.matches(":disabled")) return { count: 1, unfit: "disabled" };
      if (!button.checked) press.push(button);
    }
    return { count: 1, press };
  }
  return found.length > 1
    ? { count: found.length, each: toldApart(found) } : { count: 1, unfit: `${name(first)}, which offers no choice` };
}

// The label to press in place of a control that the page's style hides.
function labelOf(element) {
  return [...(element.labels || [])].find(isShown) || null;
}

// Presses an element as keys do.
function press(element) {
  element.focus({ preventScroll: true });
  element.click();
}

// Puts a made file on a field, or drops it where files can be dropped.
function put(element, name, type, base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name, { type }));
  if (element.localName === "input") {
    element.files = files.files;
    fire(element, "input", "change");
    return true;
  }
  let taken = false;
  for (const type of ["dragenter", "dragover", "drop"]) {
    taken = !element.dispatchEvent(new DragEvent(type,
      { bubbles: true, composed: true, cancelable: true, dataTransfer: files }));
    // Where dragging over it is not allowed, nothing can be dropped.
    if (type === "dragover" && !taken) break;
  }
  return taken;
}

// Submits a form as the Enter key does: the page's own checks run first.
function submit(form) {
  form.requestSubmit();
}

// Whether the page leads on to another one by itself, and soon.
function leadsOn() {
  const meta = document.querySelector("meta[http-equiv=refresh i][content]");
  const parts = meta && /^\s*([\d.]+)\s*[;,]\s*(?:url\s*=\s*)?["']?(.*?)["']?\s*$/i.exec(meta.content);
  if (!parts || !(Number(parts[1]) <= 5)) return false;
  try {
    const url = new URL(parts[2], document.baseURI);
    return url.href.replace(/#.*/, "") !== location.href.replace(/#.*/, "");
  } catch {
    return false;
  }
}

// The page as it is shown: its markup with open shadow roots in place, and what a person reads.
// A page that is not complete yet is told as such, unless it is `forced` or known as `endless`.
function snapshot(limit, forced, endless) {
  const begun = performance.timeOrigin;
  const waits = document.readyState !== "complete" && begun !== endless
    || location.href === "about:blank" || leadsOn() && begun !== endless;
  const leaves = Boolean(window[LEAVES] && window[LEAVES].now);
  if ((waits || leaves) && !forced) return { document: begun, leaves };
  if (leaves) window[LEAVES].now = false;
  const out = [];
  let length = 0;
  const put = (text) => {
    length += text.length;
    if (length > limit) throw "too long";
    out.push(text);
  };
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const write = (node, raw) => {
    if (node.nodeType === Node.TEXT_NODE) {
      put(raw ? node.data : escaped(node.data));
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      const tag = node.localName;
      put(`<${tag}`);
      for (const { name, value } of node.attributes) {
        put(` ${name}="${value.replace(/&/g, "&amp;").replace(/"/g, "&quot;")}"`);
      }
      put(">");
      if (EMPTY.has(tag)) return;
      if (node.shadowRoot) for (const child of node.shadowRoot.childNodes) write(child, false);
      const inner = tag === "template" ? node.content : node;
      // With scripts on, what is in a noscript is text to the page, and not part of it.
      if (tag !== "noscript") for (const child of inner.childNodes) write(child, RAW.has(tag));
      put(`</${tag}>`);
    }
  };
  const text = [];
  const folded = (parts) => parts.join("").split(/\p{White_Space}+/u).filter(Boolean).join(" ");
  let heading = "";
  const read = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const parent = node.parentElement;
      if (!parent || parent.localName === "option"
        || parent.checkVisibility({ visibilityProperty: true })) text.push(node.data);
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || UNREAD.has(node.nodeName.toUpperCase())) return;
    // Found by a search of the page only.
    if (node.hidden === "until-found") return void text.push(" ");
    // What a closed element shows is its summary.
    if (node.localName === "details" && !node.open) {
      text.push(" ");
      const summary = [...node.children].find((child) => child.localName === "summary");
      if (summary && node.checkVisibility()) read(summary);
      text.push(" ");
      return;
    }
    const inline = INLINE.has(node.nodeName);
    if (!inline) text.push(" ");
    const begun = text.length;
    if (node.localName === "option" || node.localName === "optgroup" || node.checkVisibility()
      || getComputedStyle(node).display === "contents") {
      if (node.shadowRoot) for (const child of node.shadowRoot.childNodes) read(child);
      for (const child of node.childNodes) read(child);
    }
    if (heading === "" && /^h[1-6]$/.test(node.localName)) heading = folded(text.slice(begun));
    if (!inline) text.push(" ");
  };
  const entry = performance.getEntriesByType("navigation")[0];
  const shown = {
    url: location.href,
    type: document.contentType,
    document: begun,
    name: entry ? entry.name : location.href,
    status: entry && entry.responseStatus ? entry.responseStatus : null,
    title: document.title,
    long: false,
  };
  try {
    if (document.doctype) put(`<!DOCTYPE ${document.doctype.name}>`);
    if (document.documentElement) write(document.documentElement, false);
    if (document.body) read(document.body);
    else if (document.documentElement) text.push(document.documentElement.textContent);
  } catch (thrown) {
    if (thrown !== "too long") throw thrown;
    shown.long = true;
  }
  shown.html = out.join("");
  shown.heading = heading;
  shown.text = folded(text);
  // What is no page is shown within one that the browser makes.
  const bare = document.body && document.body.firstElementChild;
  shown.bare = document.contentType !== "text/html" && bare && bare.localName === "pre"
    ? bare.textContent : null;
  shown.embeds = Boolean(document.querySelector(
    "img, script, iframe, frame, object, embed, svg, canvas, video, input, picture, button"));
  return shown;
}
