// Clips: when elements with `data-start` are shown. Times are seconds of the whole timeline.

const ROUNDING = 1e-6; // sums of decimals miss the frame that they mean by less
let starts = new Map(); // element -> its start; good for one frame
const namedElement = (id, from) => {
  const named = `#${CSS.escape(id)}, [data-composition-id="${CSS.escape(id)}"]`;
  const near = compositionAbove(from)?.querySelector(named);
  return near ?? document.getElementById(id) ?? document.querySelector(`[data-composition-id="${CSS.escape(id)}"]`);
};
// `intro`, `intro + 2`, `intro - 0.5`: the end of another element, or its start if it never ends.
const referredTime = (text, element, path) => {
  let [target, shift] = [namedElement(text.trim(), element), 0];
  const sum = /^\s*(\S+?)\s*([+-])\s*(\d+\.?\d*|\.\d+)\s*$/.exec(text);
  if (!target && sum) [target, shift] = [namedElement(sum[1], element), Number(sum[2] + sum[3])];
  if (!target || path.includes(target)) return null;
  return Math.max(0, (endOf(target, path) ?? startOf(target, path)) + shift);
};
const baseOfClip = (element, path = []) => {
  const above = compositionAbove(element);
  return above && above !== rootOf() ? startOf(above, path) : 0;
};
const startOf = (element, path = []) => {
  if (element === rootOf()) return 0;
  if (starts.has(element)) return starts.get(element);
  const inner = [...path, element];
  const base = baseOfClip(element, inner);
  const text = element.dataset.start;
  let start = base;
  if (text === undefined) {
    if (element instanceof HTMLVideoElement) start = startOfSight(element, inner);
  } else if (decimal(text) !== null) {
    start = isOfPage(element, decimal(text), base) ? decimal(text) : base + Math.max(0, decimal(text));
  } else {
    start = referredTime(text, element, inner) ?? base;
  }
  if (!path.length) starts.set(element, start);
  return start;
};
// A video without a start begins when what it stands in is shown.
const startOfSight = (element, path) => {
  const clip = element.parentElement?.closest(`[data-start], ${COMPOSITION}`);
  return clip ? startOf(clip, path) : 0;
};
// The start of a media element in a nested composition is taken as one of the page where it lies in its host's window.
const isOfPage = (element, number, base) => {
  if (!(element instanceof HTMLMediaElement)) return false;
  if (element.dataset.hfMediaStartBasis === "global") return true;
  const host = compositionAbove(element);
  if (!host || host === rootOf() || base <= 0) return false;
  return number >= base && number < (endOf(host) ?? Infinity);
};
const rateOfClip = (element) => Math.min(5, Math.max(0.1, decimal(element.dataset.playbackRate) ?? 1));
const offsetOfClip = (element) =>
  Math.max(0, decimal(element.dataset.playbackStart) ?? decimal(element.dataset.mediaStart) ?? 0);
const naturalLength = (element) => {
  const total =
    element instanceof HTMLMediaElement
      ? element.duration
      : window.__timelines?.[element.dataset.compositionId]?.totalDuration?.();
  if (!Number.isFinite(total) || total <= 0 || (element.loop && element instanceof HTMLVideoElement)) return null;
  return Math.max(0, total - offsetOfClip(element)) / rateOfClip(element);
};
// When an element is no longer shown; null for never.
const endOf = (element, path = []) => {
  const start = startOf(element, path);
  const duration = decimal(element.dataset.duration);
  if (duration > 0) return start + duration;
  const end = decimal(element.dataset.end);
  if (end !== null) return Math.max(start, baseOfClip(element, path) + end);
  const length = naturalLength(element);
  return length === null ? null : start + length;
};
const isWithin = (element, seconds) => {
  const end = endOf(element);
  return startOf(element) <= seconds + ROUNDING && (end === null || seconds + ROUNDING < end);
};

const clips = () => {
  const root = rootOf();
  const found = root ? [...root.querySelectorAll("[data-start]")] : [];
  return found.filter((element) => element instanceof HTMLElement && !(element instanceof HTMLAudioElement));
};
const placedClips = new WeakMap(); // element -> { isInFlow, display }
// Clips beside each other don't push each other away.
const placeClip = (element) => {
  const style = element.computedStyleMap();
  const position = style.get("position").toString();
  const isFree = position === "absolute" || position === "fixed";
  if (element.parentElement === rootOf() && !isFree) {
    const isSet = (...sides) => sides.some((side) => style.get(side).toString() !== "auto");
    const [vertical, horizontal] = [isSet("top", "bottom"), isSet("left", "right")];
    element.style.position = "absolute";
    if (!vertical) element.style.top = "0px";
    if (!horizontal) element.style.left = "0px";
    return { isInFlow: false, display: "" };
  }
  const isLeaf = !element.querySelector("[data-start]");
  return { isInFlow: isLeaf && !isFree && style.get("float").toString() === "none", display: element.style.display };
};
const showClips = (seconds) => {
  starts = new Map();
  const found = clips();
  for (const element of found) if (!placedClips.has(element)) placedClips.set(element, placeClip(element));
  const shown = new Map([[rootOf(), true]]);
  const isShown = (element) => {
    if (!shown.has(element)) {
      const above = element.parentElement.closest("[data-start]");
      shown.set(element, isWithin(element, seconds) && (!above || !rootOf().contains(above) || isShown(above)));
    }
    return shown.get(element);
  };
  for (const element of found) {
    const visible = isShown(element);
    const visibility = visible ? "visible" : "hidden";
    if (element.style.visibility !== visibility) element.style.visibility = visibility;
    const { isInFlow, display } = placedClips.get(element);
    if (isInFlow) element.style.display = visible ? display : "none";
  }
  for (const element of rootOf()?.querySelectorAll("[data-hidden]") ?? []) element.style.display = "none";
};
const nextClipEvent = () => {
  let next = Infinity;
  for (const element of clips()) {
    for (const time of [startOf(element), endOf(element) ?? Infinity]) {
      if (time * 1000 > clock + 1e-2) next = Math.min(next, time * 1000);
    }
  }
  return next;
};
