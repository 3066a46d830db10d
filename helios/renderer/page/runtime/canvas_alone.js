// Shows the page's first canvas alone, as large as the page, where the options say so.

const ALONE = "helios-alone";
const CANVAS_ALONE = `
html, body { background: ${config.transparent ? "transparent" : "#000"} !important }
* { visibility: hidden !important }
canvas[${ALONE}] {
  all: initial !important; visibility: visible !important; display: block !important;
  position: fixed !important; inset: 0 !important; width: 100vw !important; height: 100vh !important;
}`;
const showCanvasAlone = () => {
  const canvas = document.querySelector("canvas");
  if (!config.canvasAlone || !canvas || window.parent !== window) return;
  canvas.setAttribute(ALONE, "");
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CANVAS_ALONE);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
};
