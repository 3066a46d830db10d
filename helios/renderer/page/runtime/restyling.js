// Whether elements may have drawing properties that they no longer need: see `layers.js`.
//
// One stays behind where its value comes to be the initial one. While no script runs, and what is
// animated has no influence on other properties, only animated elements can have come to that.

const INITIAL = { opacity: "1", transform: "none", translate: "none", rotate: "none", scale: "none", filter: "none", clipPath: "none" };
const WITHOUT_INFLUENCE = new Set([
  ...Object.keys(INITIAL),
  ...["color", "backgroundColor", "backgroundPosition", "backgroundPositionX", "backgroundPositionY", "backgroundSize"],
  ...["outlineColor", "borderTopColor", "borderRightColor", "borderBottomColor", "borderLeftColor", "boxShadow", "textShadow"],
  ...["fill", "stroke", "strokeDasharray", "strokeDashoffset", "stopColor", "stopOpacity", "offsetDistance", "offsetRotate"],
]);
// Have influence on what stands in a container whose size is asked for.
const SIZES = new Set([
  ...["width", "height", "minWidth", "minHeight", "maxWidth", "maxHeight", "top", "right", "bottom", "left", "letterSpacing"],
  ...["Top", "Right", "Bottom", "Left"].flatMap((side) => [`margin${side}`, `padding${side}`, `border${side}Width`]),
]);
const KEYFRAME_TERMS = new Set(["offset", "computedOffset", "easing", "composite"]);

// --- whether scripts may have run -----------------------------------------------------------------

// What the browser tells a page of by itself.
const EVENTS = [
  ...["animationstart", "animationend", "animationiteration", "animationcancel"],
  ...["transitionrun", "transitionstart", "transitionend", "transitioncancel"],
  ...["load", "error", "scroll", "scrollend", "scrollsnapchange", "scrollsnapchanging", "resize", "toggle", "beforetoggle"],
  ...["slotchange", "contentvisibilityautostatechange", "message", "messageerror", "hashchange", "popstate"],
  ...["focusin", "focusout", "input", "change", "select", "selectionchange", "storage", "securitypolicyviolation"],
];
let eventsHeard = 0;
const hear = () => void eventsHeard++;
for (const type of EVENTS) native.listen.call(window, type, hear, true);
let observesTimes = false; // hears of layout shifts and paints
for (const name of ["PerformanceObserver", "ReportingObserver"]) {
  after(window[name]?.prototype ?? {}, "observe", () => void (observesTimes = true));
}
let heardFonts = null;
const hearFonts = () => {
  if (heardFonts === document.fonts) return;
  heardFonts = document.fonts;
  for (const type of ["loading", "loadingdone", "loadingerror"]) native.listen.call(document.fonts, type, hear);
};

// Whether the page has parts that run scripts at times that can't be told from here.
const hasOtherParts = () =>
  window !== window.top ||
  window.length > 0 ||
  roots.size > 1 ||
  observesTimes ||
  [observers, media, contexts, scrolls, transitions, callbacks, outstanding, unfinished].some((one) => one.size > 0) ||
  isDriven();
// An image is drawn with its background until it was decoded.
const IMAGES = "img, image, feImage, input[type=image], object, embed";
const isUnreadable = (sheet) => {
  try {
    return [...sheet.cssRules].some((rule) => rule.styleSheet && isUnreadable(rule.styleSheet));
  } catch {
    return true; // another origin's
  }
};
const mayHaveImages = () =>
  movingImages.size > 0 || document.querySelector(IMAGES) !== null || [...document.styleSheets].some(isUnreadable);
// Equal as long as no script has run.
const scriptMarks = () => [eventsHeard, workBegun, messagesPosted, workerMessages, lastCallback, lastTimer];

// --- animated properties --------------------------------------------------------------------------

const someRule = (rules, test) =>
  [...rules].some(
    (rule) => test(rule) || someRule(rule.styleSheet ? rulesOf(rule.styleSheet) : (rule.cssRules ?? []), test),
  );
// The browser doesn't list custom properties among an animation's keyframes.
const setsCustom = (rule) => rule instanceof CSSKeyframeRule && [...rule.style].some((name) => name.startsWith("--"));
// Read from style sheets and effects, which scripts alone change.
let animatedNames = new WeakMap(); // effect -> the names of its properties
let hasCustomKeyframes = null;
let hasContainers = null;
const isContainer = (rule) => rule instanceof CSSContainerRule || (rule.style?.containerType ?? "") !== "";
const readRules = () => {
  const sheets = sheetsOf(document).map(rulesOf);
  hasCustomKeyframes = sheets.some((rules) => someRule(rules, setsCustom));
  hasContainers = document.querySelector('[style*="container"]') !== null || sheets.some((rules) => someRule(rules, isContainer));
};
const namesOf = (effect) => {
  if (!animatedNames.has(effect)) {
    const names = (effect.getKeyframes?.() ?? []).flatMap(Object.keys).filter((name) => !KEYFRAME_TERMS.has(name));
    animatedNames.set(effect, [...new Set(names)]);
  }
  return animatedNames.get(effect);
};
// Values that are animated; null where one has influence on others.
const animatedValues = (list) => {
  if (hasCustomKeyframes === null) readRules();
  if (hasCustomKeyframes) return null;
  const found = [];
  for (const { effect, playState, transitionProperty } of list.filter((one) => one.effect)) {
    if (transitionProperty?.startsWith("--")) return null;
    const isMoving = playState === "running" && effect.getComputedTiming().progress !== null;
    for (const name of namesOf(effect)) {
      if (!WITHOUT_INFLUENCE.has(name) && (hasContainers || !SIZES.has(name))) return null;
      if (name in INITIAL && effect.target) found.push({ element: effect.target, pseudo: effect.pseudoElement, name, isMoving });
    }
  }
  return found;
};
const isInitial = ({ element, pseudo, name }) => getComputedStyle(element, pseudo)[name] === INITIAL[name];
// What is close to 1 reads as 1.
const mayBeSet = (value) => !isInitial(value) || (value.name === "opacity" && value.isMoving);

// --- whether there may be any ---------------------------------------------------------------------

const sameItems = (one, other) => one.length === other.length && one.every((item, i) => item === other[i]);
let lookedAt = null; // how things stood when this was last asked
// Since this was last asked; the page has not been drawn without asking.
const mayHaveLeftovers = () => {
  const last = lookedAt;
  lookedAt = null;
  hearFonts();
  if (hasOtherParts() || mayHaveImages()) return true;
  const marks = [...scriptMarks(), ...bases.keys()];
  const isScripted = !last || last.until <= clock || !sameItems(last.marks, marks);
  if (isScripted) [animatedNames, hasCustomKeyframes] = [new WeakMap(), null];
  const values = animatedValues(animations());
  lookedAt = { marks, set: values?.filter(mayBeSet), until: nextTime() };
  return isScripted || !values || !last.set || last.set.some(isInitial);
};
const drawnUnasked = () => void (lookedAt = null);
