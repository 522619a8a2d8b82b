// What both scripts begin from; put behind each of them.

// The document and every open shadow root in it.
function roots(root = document, found = [document]) {
  for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) {
      found.push(element.shadowRoot);
      roots(element.shadowRoot, found);
    }
  }
  return found;
}
