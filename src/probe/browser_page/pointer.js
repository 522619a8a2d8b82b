// Where a mouse can press an element.

// The elements around a node as they are drawn: slots and shadow roots included.
function outward(node) {
  return node.assignedSlot || node.parentNode || node.host || null;
}

// The innermost element that is drawn at a point of the window, open shadow roots looked into.
function drawnAt(x, y) {
  let hit = document.elementFromPoint(x, y);
  while (hit && hit.shadowRoot) {
    const inner = hit.shadowRoot.elementFromPoint(x, y);
    if (!inner || inner === hit) break;
    hit = inner;
  }
  return hit;
}

// Scrolls an element into the window at once, whatever the page says of scrolling, and finds a
// point where a mouse presses it. Where something lies over its middle, a person scrolls so that
// it does not, or presses another part: so do we. Gives that point, whether it is the middle,
// or what lies over the element, or that it is nowhere in the window.
function aim(element) {
  const isWithin = (hit) => {
    for (let node = hit; node; node = outward(node)) if (node === element) return true;
    return false;
  };
  const parts = [0.5, 0.25, 0.75, 0.08, 0.92];
  let cover = null;
  let outside = true;
  for (const block of ["center", "end", "start"]) {
    Element.prototype.scrollIntoView.call(element, { behavior: "instant", block, inline: "center" });
    const boxes = [...element.getClientRects()].filter((box) => box.width > 0 && box.height > 0);
    if (boxes.length === 0) return { boxless: true };
    for (const box of boxes.slice(0, 4)) {
      const left = Math.max(0, box.left), right = Math.min(innerWidth, box.right);
      const top = Math.max(0, box.top), bottom = Math.min(innerHeight, box.bottom);
      if (right - left < 1 || bottom - top < 1) continue;
      outside = false;
      for (const down of parts) {
        for (const along of parts) {
          const x = left + along * (right - left), y = top + down * (bottom - top);
          const hit = drawnAt(x, y);
          if (isWithin(hit)) {
            const middle = box === boxes[0] && along === 0.5 && down === 0.5;
            return { x, y, middle };
          }
          cover = cover || hit;
        }
      }
    }
  }
  if (outside) return { outside };
  const mark = cover && (cover.id ? `#${cover.id}` : [...cover.classList].map((word) => `.${word}`).join(""));
  return { cover: cover ? `<${cover.localName}>${mark ? ` \`${mark}\`` : ""}` : "nothing that can be pressed" };
}
