// What pages and their libraries offer to be driven by, and what they declare.

const gsapTimelines = () => {
  const registered = [
    ...Object.values(window.__timelines ?? {}),
    ...(window.__helios_gsap_timeline__ ? [window.__helios_gsap_timeline__] : []),
  ];
  if (registered.length || !window.gsap?.globalTimeline) return registered;
  // One paused timeline and none registered: it waits to be driven.
  const paused = window.gsap.globalTimeline.getChildren(false, false, true).filter((t) => t.paused());
  return paused.length === 1 ? paused : [];
};
// The next beginning or end of a GSAP animation that runs by itself or has callbacks: these may begin
// others, from where things are by then.
const nextGsapEvent = () => {
  const root = window.gsap?.globalTimeline;
  if (!root?.time) return Infinity;
  const events = [];
  const add = (list, seconds) => {
    for (const one of list) {
      if (!one.globalTime) continue;
      for (const local of [0, one.totalDuration()]) events.push(clock + (one.globalTime(local) - seconds) * 1000);
    }
  };
  const isOwn = (one) => {
    while (one && one !== root && !one.paused()) one = one.parent;
    return one === root;
  };
  add(root.getChildren(true, true, true).filter(isOwn), root.time());
  const calls = (one) => Object.values(one.vars ?? {}).some((value) => typeof value === "function");
  for (const { timeline, start, offset, rate } of dialect.timelines()) {
    if (!timeline.getChildren || !timeline.globalTime) continue;
    for (const one of timeline.getChildren(true, true, true).filter(calls)) {
      if (!one.globalTime) continue;
      for (const local of [0, one.totalDuration()]) {
        const position = one.globalTime(local) - timeline.globalTime(0);
        events.push((start + (position - offset) / rate) * 1000);
      }
    }
  }
  return events.filter((time) => time > clock + 1e-2).reduce((a, b) => Math.min(a, b), Infinity);
};
// What Helios has as a signal, other pages have as a value.
const plain = (value) => (typeof value === "object" && value !== null && "value" in value ? value.value : value);
// The frame by the rate that the page declares, where that differs from the output's.
const ownFrame = () => {
  const state = guarded(() => window.helios.getState?.()) ?? {};
  const rate = Number(plain(window.helios.fps) ?? state.fps);
  if (!(rate > 0) || Math.abs(rate * config.frameDuration - 1000) < 1e-6) return frame;
  return Math.floor((clock / 1000) * rate + 1e-6);
};
const driveHelios = (seconds) => {
  // Defined by a composition that is bound to the document's timeline, and tells it of the time. Sought to a whole
  // frame besides, it would wait for ever to stand at this time.
  if ("__HELIOS_VIRTUAL_TIME__" in window) window.__HELIOS_VIRTUAL_TIME__ = seconds * 1000;
  const { helios } = window;
  if (typeof helios?.seek === "function" && !helios.syncWithDocumentTimeline) guarded(() => helios.seek(ownFrame()));
};
const driveLibraries = () => {
  // Virtual time jumps; GSAP would otherwise take a jump for a stall and slow its clock down.
  window.gsap?.ticker?.lagSmoothing?.(0);
  dialect.drive(clock / 1000);
};

// Whether something else than this page's own timers and animations may change it in any frame.
const isDriven = () =>
  workers.size > 0 ||
  Boolean(dialect.drives) ||
  Boolean(window.helios?.seek || window.helios?.waitUntilStable || window.__hf) ||
  dialect.timelines().length > 0 ||
  hasBars() ||
  hasSvgAnimations();

const longestAnimation = () => {
  let longest = 0;
  for (const animation of animations()) {
    const end = animation.effect?.getComputedTiming().endTime / Math.abs(animation.playbackRate || 1);
    if (Number.isFinite(end)) longest = Math.max(longest, end / 1000);
  }
  return longest;
};
const declared = () => ({
  ...dialect.declared(),
  replay: document.documentElement.hasAttribute("data-helios-replay"),
});
