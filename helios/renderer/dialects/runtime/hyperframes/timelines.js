// What moves by itself: timelines of GSAP and other libraries, each from its composition's start.

const compositionTimelines = () => {
  const registered = window.__timelines ?? {};
  const entries = Object.entries(registered).filter(([, one]) => typeof one?.totalTime === "function" || typeof one?.seek === "function");
  const own = registered[rootOf()?.dataset.compositionId];
  const found = [];
  for (const [id, timeline] of entries) {
    const host = timeline === own ? null : document.querySelector(`[data-composition-id="${CSS.escape(id)}"]`);
    if (host) found.push({ timeline, start: startOf(host), offset: offsetOfClip(host), rate: rateOfClip(host) });
  }
  const main = own ?? (entries.length === 1 && !found.length ? entries[0][1] : null);
  return main ? [{ timeline: main, start: 0, offset: 0, rate: 1, isMain: true }, ...found] : found;
};
const NUDGE = 1e-3; // seconds
const placeTimeline = ({ timeline, start, offset, rate, isMain }, seconds) => {
  const length = timeline.totalDuration?.() ?? timeline.duration?.() ?? Infinity;
  const place = Math.min(offset + Math.max(0, seconds - start) * rate, length);
  if (typeof timeline.totalTime !== "function") {
    timeline.seek(place);
    return;
  }
  if (isMain && timeline.timeScale?.() !== 1) timeline.timeScale?.(1);
  if (!timeline.paused?.()) timeline.pause?.();
  const stands = timeline.totalTime() === place;
  timeline.totalTime(place, false); // its callbacks are called on the way
  if (!stands) return;
  // It draws nothing where it stands, though something may have been added to it.
  timeline.totalTime(place + NUDGE, true);
  timeline.totalTime(place, true);
};

const lotties = () => new Set([...(window.__hfLottie ?? []), ...(window.lottie?.getRegisteredAnimations?.() ?? [])]);
const placeLottie = (one, seconds) => {
  if (typeof one.goToAndStop === "function") {
    // At its end and beyond a Lottie animation may show nothing.
    const last = one.totalFrames > 0 && one.frameRate > 0 ? (one.totalFrames - 1e-3) / one.frameRate : Infinity;
    one.goToAndStop(Math.min(seconds, last) * 1000, false);
  } else if (typeof one.setCurrentRawFrameValue === "function") {
    one.setCurrentRawFrameValue(seconds * (one.frameRate || 30));
  } else if (one.duration > 0) {
    one.seek?.(`${Math.min(100, (seconds / one.duration) * 100)}%`);
  }
};

// `hf-seek` tells scripts of the time; they may ask the frame to wait.
const unseeked = new Set();
let askedSince = null; // ids of the last timer and frame callback before that
const announceSeek = (seconds) => {
  askedSince = [lastTimer + 1, lastCallback + 1];
  const waitUntil = (promise) => {
    unseeked.add(promise);
    const done = () => unseeked.delete(promise);
    native.then.call(native.Promise.resolve(promise), done, (error) => (done(), native.reportError(error)));
  };
  window.dispatchEvent(new CustomEvent("hf-seek", { detail: { time: seconds, waitUntil } }));
};
const driveCompositions = (seconds) => {
  showClips(seconds);
  placeAllMedia(seconds);
  for (const one of compositionTimelines()) guarded(() => placeTimeline(one, seconds));
  for (const one of window.__hfAnime ?? []) guarded(() => one.seek(seconds * 1000));
  for (const one of lotties()) guarded(() => placeLottie(one, seconds));
  window.__hfThreeTime = window.__hfTypegpuTime = seconds;
  announceSeek(seconds);
};

// A CSS animation stands at the time since the start of its own element, whenever it came.
const placeClipAnimations = () => {
  for (const animation of animations()) {
    const element = animation.effect?.target;
    if (!(animation instanceof CSSAnimation) || !element) continue;
    const start = element.hasAttribute("data-start") && element !== rootOf() ? startOf(element) : 0;
    placed.add(animation);
    native.animationTime.set.call(animation, clock - start * 1000);
  }
};

// Timelines may be registered by timers, which are due before the first frame.
const LONGEST_WAIT = 45_000; // milliseconds
const awaitsTimelines = () =>
  Boolean(window.gsap) &&
  [...document.querySelectorAll(COMPOSITION)].some(
    (one) => !one.hasAttribute("data-no-timeline") && !(one.dataset.compositionId in (window.__timelines ?? {})),
  );
const runEarlyTimers = async () => {
  while (awaitsTimelines()) {
    const due = [...timers].filter(([, timer]) => timer.period === null && timer.handler && timer.handler !== timer.run && timer.due <= LONGEST_WAIT);
    if (!due.length) return;
    due.sort(([, one], [, other]) => one.due - other.due || one.order - other.order);
    fire(due[0][0]);
    await workFinished();
  }
};

// The length of all, if its root doesn't declare one.
const lengthOfAll = () => {
  if (declaredLength > 0) return declaredLength;
  const ends = [];
  for (const { timeline, isMain } of compositionTimelines()) if (isMain) ends.push(timeline.totalDuration?.());
  for (const element of [...(rootOf()?.querySelectorAll(`${COMPOSITION}, video, audio`) ?? [])]) ends.push(endOf(element));
  for (const animation of animations()) {
    const end = animation.effect?.getComputedTiming().endTime;
    const element = animation.effect?.target;
    const start = animation instanceof CSSAnimation && element?.hasAttribute("data-start") ? startOf(element) : 0;
    ends.push(start + end / 1000);
  }
  for (const one of lotties()) ends.push(one.totalFrames / one.frameRate);
  const longest = Math.max(0, ...ends.filter(Number.isFinite));
  return longest > 0 ? longest : null;
};
