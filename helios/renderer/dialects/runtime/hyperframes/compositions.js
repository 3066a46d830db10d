// The compositions of a HyperFrames page, and what it finds on its window.

const COMPOSITION = "[data-composition-id]";
let mainRoot = null;
const rootOf = () => {
  if (!mainRoot?.isConnected) {
    mainRoot = document.querySelector(`${COMPOSITION}[data-root="true"]`) ?? document.querySelector(COMPOSITION);
  }
  return mainRoot;
};
const compositionAbove = (element) => element.parentElement?.closest(COMPOSITION) ?? null;
const decimal = (text) => (/^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$/.test(text ?? "") ? Number(text) : null);

// Length by the root's attribute; scripts can't change it.
let declaredLength;
const noteRoot = () => {
  const root = rootOf();
  if (!root || declaredLength !== undefined) return;
  declaredLength = decimal(root.dataset.duration) ?? 0;
  for (const side of ["width", "height"]) {
    const pixels = decimal(root.dataset[side]) ?? { width: 1080, height: 1920 }[side];
    root.style[side] = `${pixels}px`;
  }
  root.style.overflow = "hidden";
  root.style.position ||= "relative";
  if (!config.transparent) return;
  for (const element of [document.documentElement, document.body, root]) {
    element?.style.setProperty("background", "transparent", "important");
  }
};

window.__timelines = {};
window.__hf = {};
window.__hfVariables = config.props;
window.__hfVariablesByComp = {};
// A page may ask for what no render offers.
const askedFor = new Set();
window.__hyperframes = {
  getVariables: () => ({ ...mainVariables() }),
  fitTextFontSize: (text, options = {}) => fitText(text, options),
  get pretext() {
    askedFor.add("__hyperframes.pretext");
    return undefined;
  },
};
const nothing = () => {};
window.__player = {
  play: nothing,
  pause: nothing,
  seek: nothing,
  renderSeek: nothing,
  isPlaying: () => false,
  getTime: () => clock / 1000,
  getDuration: () => lengthOfAll() ?? 0,
};

// The largest size at which a line of text fits.
const fitText = (text, { maxWidth = Infinity, fontFamily = "sans-serif", fontWeight = "400", ...sizes }) => {
  const { baseFontSize = 78, minFontSize = 42, step = 2 } = sizes;
  const context = document.createElement("canvas").getContext("2d");
  for (let size = baseFontSize; size > minFontSize; size -= step) {
    context.font = `${fontWeight} ${size}px ${fontFamily}`;
    if (context.measureText(text).width <= maxWidth) return { fontSize: size, fits: true };
  }
  context.font = `${fontWeight} ${minFontSize}px ${fontFamily}`;
  return { fontSize: minFontSize, fits: context.measureText(text).width <= maxWidth };
};
