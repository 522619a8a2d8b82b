// Elements by what a person knows them by. Must agree with `dom/named.rs`: a flow means the same
// element on both engines.

// The most nodes that are read for the names of one page.
const MOST_READ = 200000;
const NAMED_BY_AUTHOR = new Set(["alertdialog", "article", "banner", "complementary", "contentinfo",
  "dialog", "form", "grid", "group", "list", "main", "menu", "menubar", "navigation", "radiogroup",
  "region", "search", "table", "tablist", "toolbar"]);
const FIELD_ROLES = new Set(["checkbox", "combobox", "listbox", "radio", "searchbox", "slider",
  "spinbutton", "switch", "textbox"]);
const ROLES = {
  button: "button", textarea: "textbox", h1: "heading", h2: "heading", h3: "heading", h4: "heading",
  h5: "heading", h6: "heading", img: "img", nav: "navigation", main: "main", form: "form",
  dialog: "dialog", article: "article", aside: "complementary", fieldset: "group", table: "table",
  tr: "row", td: "cell", th: "columnheader", ul: "list", ol: "list", li: "listitem",
  progress: "progressbar", output: "status",
};
const INPUT_ROLES = {
  submit: "button", reset: "button", button: "button", image: "button", checkbox: "checkbox",
  radio: "radio", range: "slider", number: "spinbutton", search: "searchbox", text: "textbox",
  email: "textbox", tel: "textbox", url: "textbox",
};

// What a target means: a selector finds what it fits, a table only what is shown.
function all(target) {
  if (typeof target === "string") return byCss(target);
  let found = byTable(target);
  if (target.in) {
    const places = new Set(byCss(target.in));
    found = found.filter((element) => {
      for (let node = outward(element); node; node = outward(node)) if (places.has(node)) return true;
      return false;
    });
  }
  return target.nth ? found.slice(target.nth - 1, target.nth) : found;
}

function byCss(css) {
  const direct = [...document.querySelectorAll(css)];
  if (direct.length > 0) return direct;
  return roots().slice(1).flatMap((root) => [...root.querySelectorAll(css)]);
}

function byTable(target) {
  if (target.css) return byCss(target.css).filter(counts);
  if (target.text) return byText(target.text);
  const left = { nodes: MOST_READ };
  const named = (element, name) => counts(element) && nameOf(element, left) === name;
  if (target.button) return every().filter((e) => isButton(e) && named(e, target.button));
  if (target.link) return every().filter((e) => roleOf(e) === "link" && named(e, target.link));
  if (target.label) return every().filter((e) => isField(e) && named(e, target.label));
  return every().filter((e) => roleOf(e) === target.role
    && (target.name ? named(e, target.name) : counts(e)));
}

function every() {
  return roots().flatMap((root) => [...root.querySelectorAll("*")]);
}

function isVisible(element) {
  return element.checkVisibility({ visibilityProperty: true })
    || getComputedStyle(element).display === "contents" && Boolean(element.parentElement)
      && isVisible(element.parentElement);
}

// Whether an element is shown, or its label is.
function counts(element) {
  return isVisible(element) || element.localName === "input" && element.type === "file"
    || [...(element.labels || [])].some(isVisible);
}

function foldedText(text) {
  return text.split(/\p{White_Space}+/u).filter(Boolean).join(" ");
}

// The innermost elements that say exactly this.
function byText(words) {
  let out = "", apart = false;
  const push = (text) => {
    const parts = text.split(/\p{White_Space}+/u);
    parts.forEach((part, number) => {
      if (number > 0) apart = true;
      if (part === "") return;
      if (apart && out !== "") out += " ";
      apart = false;
      out += part;
    });
  };
  const found = [];
  const isChosen = (tag) => ["option", "optgroup", "select", "textarea"].includes(tag);
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const parent = node.parentElement;
      if (!parent || parent.localName === "option"
        || parent.checkVisibility({ visibilityProperty: true })) push(node.data);
      return false;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || UNREAD.has(node.nodeName.toUpperCase())) return false;
    const inline = INLINE.has(node.nodeName);
    if (!inline) apart = true;
    const from = out.length;
    let isInner = false;
    if (node.hidden !== "until-found" && (node.localName === "option" || node.localName === "optgroup"
      || node.checkVisibility() || getComputedStyle(node).display === "contents")) {
      const isClosed = node.localName === "details" && !node.open;
      for (const child of node.shadowRoot ? node.shadowRoot.childNodes : []) {
        if (visit(child)) isInner = true;
      }
      for (const child of node.childNodes) {
        if (isClosed && child.localName !== "summary") continue;
        if (visit(child)) isInner = true;
        if (isClosed) break;
      }
      const isButtonInput = node.localName === "input"
        && ["submit", "reset", "button"].includes(node.type);
      const says = isButtonInput ? foldedText(node.getAttribute("value") || "")
        : out.length - from <= words.length + 2 ? out.slice(from).trim() : "";
      if (!isInner && says === words && !isChosen(node.localName)) {
        if (isVisible(node)) found.push(node);
        isInner = true;
      }
    }
    if (!inline) apart = true;
    return isInner;
  };
  if (document.body) visit(document.body);
  return found;
}

function roleOf(element) {
  const given = (element.getAttribute("role") || "").trim();
  if (given !== "") return given.split(/\s+/)[0].toLowerCase();
  const tag = element.localName;
  if (tag === "a" || tag === "area") return element.hasAttribute("href") ? "link" : "";
  if (tag === "input") {
    const role = INPUT_ROLES[element.type] || "";
    return element.hasAttribute("list") && (role === "textbox" || role === "searchbox")
      ? "combobox" : role;
  }
  if (tag === "select") return element.multiple || element.size > 1 ? "listbox" : "combobox";
  return ROLES[tag] || "";
}

function isButton(element) {
  return roleOf(element) === "button" || element.localName === "summary";
}

function isField(element) {
  const isControl = isLabelled(element)
    && !["submit", "reset", "image", "button"].includes(element.type);
  const editable = element.getAttribute("contenteditable");
  return isControl || editable !== null && editable.toLowerCase() !== "false"
    || FIELD_ROLES.has(roleOf(element));
}

function isLabelled(element) {
  return ["input", "select", "textarea"].includes(element.localName) && element.type !== "hidden";
}

// What a person, or a screen reader, calls an element.
function nameOf(element, left) {
  const given = (name) => foldedText(element.getAttribute(name) || "");
  const root = element.getRootNode();
  const ids = (element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean).slice(0, 5);
  const byIds = ids.map((id) => root.getElementById && root.getElementById(id)).filter(Boolean)
    .map((other) => content(other, false, left)).filter(Boolean).join(" ");
  const own = () => {
    const tag = element.localName;
    if (tag === "input" && ["submit", "reset", "button"].includes(element.type)) return given("value");
    if (tag === "input" && element.type === "image") return given("alt");
    if (isLabelled(element)) {
      return [...(element.labels || [])].map((label) => content(label, true, left))
        .filter(Boolean).join(" ");
    }
    if (tag === "img" || tag === "area") return given("alt");
    if (NAMED_BY_AUTHOR.has(roleOf(element))) {
      const wanted = { fieldset: "legend", table: "caption" }[tag];
      const part = [...element.children].find((child) => child.localName === wanted);
      return part ? content(part, false, left) : "";
    }
    return content(element, false, left);
  };
  return byIds || given("aria-label") || own() || given("title") || given("placeholder");
}

// What is to be read in an element, and on its pictures.
function content(element, apartFromFields, left) {
  const onlyShown = isVisible(element);
  const out = [];
  const visit = (node) => {
    left.nodes -= 1;
    if (left.nodes < 0) return;
    if (node.nodeType === Node.TEXT_NODE) return void out.push(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    const inline = INLINE.has(node.nodeName);
    if (!inline) out.push(" ");
    const label = foldedText(node.getAttribute("aria-label") || "");
    const isOut = UNREAD.has(node.nodeName.toUpperCase())
      || node.getAttribute("aria-hidden") === "true" || onlyShown && !isVisible(node)
      || apartFromFields && ["input", "select", "textarea", "button", "datalist", "option"]
        .includes(node.localName);
    if (!isOut) {
      if (label !== "") out.push(label);
      else if (node.localName === "img") out.push(node.getAttribute("alt") || "");
      else if (node.localName === "svg") {
        const title = [...node.children].find((child) => child.localName === "title");
        if (title) out.push(title.textContent);
      } else children(node);
    }
    if (!inline) out.push(" ");
  };
  const children = (node) => {
    for (const child of node.shadowRoot ? node.shadowRoot.childNodes : []) visit(child);
    for (const child of node.childNodes) visit(child);
  };
  children(element);
  return left.nodes < 0 ? "" : foldedText(out.join(""));
}

// What a selector finds an element by.
function markOf(element) {
  const name = element.getAttribute("name");
  return element.id ? `\`#${element.id}\`` : name ? `\`[name=${name}]\`` : "";
}

// Several elements, told apart for a message.
function toldApart(found) {
  return found.slice(0, 6).map((element) => {
    let around = outward(element);
    while (around && !(around.id && around.localName)) around = outward(around);
    const mark = markOf(element);
    return `a <${element.localName}>${mark && ` ${mark}`}${around ? ` in \`#${around.id}\`` : ""}`;
  });
}

// The buttons, fields and links that a person sees, up to so many of each.
function listing() {
  const left = { nodes: MOST_READ };
  const told = [[], [], []];
  const sorts = [isButton, isField, (element) => roleOf(element) === "link"];
  for (const element of every()) {
    if (told.every((list) => list.length > 6)) break;
    sorts.forEach((isSort, sort) => {
      if (told[sort].length > 6 || !isSort(element) || !isVisible(element)) return;
      const name = [...nameOf(element, left)];
      const short = name.length > 30 ? `${name.slice(0, 30).join("").trimEnd()}…` : name.join("");
      const as = short !== "" ? `"${short}"` : markOf(element);
      if (as !== "") told[sort].push(as);
    });
  }
  return told;
}
