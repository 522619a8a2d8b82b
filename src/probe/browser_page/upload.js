// A field for files that only frames of the page's own origin have; with `told`, whether there is
// one. The page itself goes first, and what is not in it may still be drawn.
function frameField(css, told) {
  if (document.querySelector(css)) return told ? false : null;
  const within = (root, depth) => {
    for (const frame of root.querySelectorAll("iframe, frame")) {
      let inner = null;
      try {
        inner = frame.contentDocument;
      } catch {
        continue;
      }
      if (!inner || depth > 3) continue;
      const found = [...inner.querySelectorAll(css)];
      if (found.length === 1 && found[0].type === "file") return found[0];
      const deeper = within(inner, depth + 1);
      if (deeper) return deeper;
    }
    return null;
  };
  const found = within(document, 0);
  return told ? Boolean(found) : found;
}

// Whether files can be dropped on an element: what a page says to a file that is held over it.
// Nothing is dropped.
function takesDrop(element, name, type, base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name, { type }));
  const say = (kind) => !element.dispatchEvent(new DragEvent(kind,
    { bubbles: true, composed: true, cancelable: true, dataTransfer: files }));
  say("dragenter");
  const taken = say("dragover");
  say("dragleave");
  return taken;
}
