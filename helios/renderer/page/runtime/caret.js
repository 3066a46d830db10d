// The caret of what has the focus: half a second to be seen, half a second not.

const CARET_PHASE = 500; // milliseconds
let caret = { element: null, since: 0, color: "", isHidden: false };
const focused = () => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element?.matches("input, textarea, [contenteditable]") ? element : null;
};
const showCaret = (isShown) => {
  if (caret.isHidden !== isShown) return;
  caret.isHidden = !isShown;
  const { style } = caret.element;
  if (isShown) style.setProperty("caret-color", caret.color);
  else [caret.color] = [style.getPropertyValue("caret-color"), style.setProperty("caret-color", "transparent", "important")];
};
const blinkCaret = () => {
  const element = focused();
  if (element !== caret.element) {
    showCaret(true);
    caret = { element, since: clock, color: "", isHidden: false };
    // It would blink by the browser's clock.
    element?.style.setProperty("caret-animation", "manual");
  }
  if (element) showCaret(Math.floor((clock - caret.since) / CARET_PHASE + 1e-6) % 2 === 0);
};
const nextCaretEvent = () => {
  if (!caret.element) return Infinity;
  return caret.since + (Math.floor((clock - caret.since) / CARET_PHASE + 1e-6) + 1) * CARET_PHASE;
};
