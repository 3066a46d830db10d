// Whether the page may draw something in a layer of its own: in depth, over a filtered backdrop, scrolled, or a video
// that is translucent, scaled or turned.
//
// Asked for only where frames were left out.

const IN_LAYERS =
  /3d\b|rotate[XY]|(translate|scale)Z|perspective|back(face|drop)-|(translate|scale): *\S+ +\S+ +[^\s;]|overflow[^;]*(auto|scroll)/i;
const LAYERED_STYLES = ["3d", "rotateX", "rotateY", "translateZ", "scaleZ", "perspective", "backface-", "backdrop-"]
  .map((text) => `[style*="${text}"]`)
  .concat(["auto", "scroll"].map((text) => `[style*="overflow"][style*="${text}"]`))
  .concat("dialog", "[popover]", "textarea", "select") // scrollers by the browser's own styles
  .join();
const declaresLayers = saying(IN_LAYERS, LAYERED_STYLES);
const effectInLayers = ({ effect }) =>
  effect instanceof KeyframeEffect &&
  (effect.pseudoElement?.startsWith("::view-transition") ||
    effect.getKeyframes().some((one) => "backdropFilter" in one || IN_LAYERS.test(one.transform)));
const isAltered = (element) => {
  for (let one = element; one; one = one.assignedSlot ?? one.parentElement ?? one.getRootNode().host) {
    const { opacity, transform, scale, rotate } = getComputedStyle(one);
    if (Number(opacity) < 1 || [transform, scale, rotate].some((value) => value !== "none")) return true;
  }
  return false;
};
const hasLayers = () =>
  videos().some((video) => isSeen(video) && isAltered(video)) ||
  [...roots].some((root) => declaresLayers(root) || root.getAnimations().some(effectInLayers)) ||
  children().some((child) => child.hasLayers());

// What the browser made of a layer for earlier frames goes with a draw that changes something, and the one
// after it: a line around the page that can hardly be seen comes and goes.
const line = new CSSStyleSheet();
line.replaceSync(":root { outline: 1px solid #00000003 !important }");
const drawLine = (isThere) => {
  const others = [...document.adoptedStyleSheets].filter((sheet) => sheet !== line);
  document.adoptedStyleSheets = isThere ? [...others, line] : others;
};
