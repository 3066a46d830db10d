// HyperFrames: https://hyperframes.heygen.com. What the renderer calls.

const GENERIC = /^(serif|sans-serif|monospace|cursive|fantasy|math|emoji|system-ui|ui-.*|-apple-system|blinkmacsystemfont|inherit|initial)$/i;
const firstFamily = (element) => getComputedStyle(element).fontFamily.split(",")[0].trim().replace(/^["']|["']$/g, "");
// Families that stand first for some text, and that neither the page nor the machine has.
const missingFonts = () => {
  const named = new Set();
  for (const element of rootOf()?.querySelectorAll("*") ?? []) {
    if ([...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) named.add(firstFamily(element));
  }
  return missingFamilies([...named].filter((family) => family && !GENERIC.test(family)));
};

const LEFT_OUT = {
  "hf-audio-group, [data-audio-group]": "audio groups",
  "[data-fx-chain]": "data-fx-chain",
  "[data-fx-carve]": "data-fx-carve",
};
const otherLanes = () =>
  ownMedia().some((element) => (parsed(element.dataset.automation, "data-automation")?.lanes ?? []).some((lane) => lane?.target !== "volume"));

const dialect = {
  begin: async () => {
    parsing.disconnect();
    await untilReady(() => unknownMedia().map((element) => `media ${element.src}`));
    await runEarlyTimers();
    Object.defineProperty(window.__hf, "duration", { configurable: true, get: () => lengthOfAll() ?? 0 });
    window.__renderReady = true;
  },
  timelines: () => compositionTimelines(),
  drive: (seconds) => {
    if (typeof window.__hf?.seek === "function") guarded(() => window.__hf.seek(seconds, { suppressEvents: false }));
    else driveCompositions(seconds);
  },
  placeAnimations: placeClipAnimations,
  nextEvent: nextClipEvent,
  askedSince: () => askedSince,
  waitUntilStable: () => native.Promise.all(unseeked),
  declared: () => ({ duration: lengthOfAll(), longestAnimation: null }),
  support: () => {
    const unhonoured = [...nestingFaults, ...askedFor];
    if (window.__hf?.transitions?.length) unhonoured.push("shader transitions (HyperShader)");
    if (document.querySelector("[data-color-grading]")) unhonoured.push("data-color-grading");
    const ignored = Object.entries(LEFT_OUT).filter(([selector]) => document.querySelector(selector)).map(([, name]) => name);
    if (otherLanes()) ignored.push("lanes of data-automation other than volume");
    return { unhonoured, ignored, mismatches: [...mismatches], fonts: missingFonts() };
  },
};
