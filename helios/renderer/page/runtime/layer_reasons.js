// Whether the page may draw something in a layer of its own: in depth, over a filtered backdrop, or scrolled.
//
// Asked for only where frames were left out, so it looks through what is written rather than through
// the styles of all elements.

const IN_LAYERS =
  /3d\b|rotate[XY]|(translate|scale)Z|perspective|back(face|drop)-|(translate|scale): *\S+ +\S+ +[^\s;]|overflow[^;]*(auto|scroll)/i;
const LAYERED_STYLES = ["3d", "rotateX", "rotateY", "translateZ", "scaleZ", "perspective", "backface-", "backdrop-"]
  .map((text) => `[style*="${text}"]`)
  .concat(["auto", "scroll"].map((text) => `[style*="overflow"][style*="${text}"]`))
  .join();
const readSheets = new WeakMap(); // style sheet -> { rules, layered }: how many rules it had, and what they say
const rulesInLayers = (rules) =>
  [...rules].some((rule) => (rule.styleSheet ? sheetInLayers(rule.styleSheet) : IN_LAYERS.test(rule.cssText)));
const sheetInLayers = (sheet) => {
  try {
    const rules = sheet.cssRules.length;
    if (readSheets.get(sheet)?.rules !== rules) readSheets.set(sheet, { rules, layered: rulesInLayers(sheet.cssRules) });
    return readSheets.get(sheet).layered;
  } catch {
    return true; // another origin's can't be read
  }
};
const effectInLayers = ({ effect }) =>
  effect instanceof KeyframeEffect &&
  (effect.pseudoElement?.startsWith("::view-transition") ||
    effect.getKeyframes().some((one) => "backdropFilter" in one || IN_LAYERS.test(one.transform)));
const hasLayers = () =>
  [...roots].some(
    (root) =>
      root.querySelector(LAYERED_STYLES) !== null ||
      [...root.styleSheets, ...root.adoptedStyleSheets].some(sheetInLayers) ||
      root.getAnimations().some(effectInLayers),
  ) || children().some((child) => child.hasLayers());

// What the browser made of a layer for earlier frames goes with a draw that changes something, and the one
// after it: a line around the page that can hardly be seen comes and goes.
const line = new CSSStyleSheet();
line.replaceSync(":root { outline: 1px solid #00000003 !important }");
const drawLine = (isThere) => {
  const others = [...document.adoptedStyleSheets].filter((sheet) => sheet !== line);
  document.adoptedStyleSheets = isThere ? [...others, line] : others;
};
