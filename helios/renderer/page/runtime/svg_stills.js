// Still images of what an animated SVG shows at a time.
//
// An image's own clock can't be set and always runs. So in the still image all animations that have begun
// are slowed down until they stand, and begin as much earlier as they are old.

const CLOCK = /^\s*([+-]?)\s*(?:(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)|(\d*\.?\d+)(h|min|s|ms)?)\s*$/;
const UNITS = { h: 3600, min: 60, s: 1, ms: 0.001 };
const seconds = (text) => {
  const match = CLOCK.exec(text ?? "");
  if (!match) return undefined;
  const [, sign, hours = 0, minutes, rest, count, unit = "s"] = match;
  const value = minutes === undefined ? count * UNITS[unit] : hours * 3600 + minutes * 60 + Number(rest);
  return sign === "-" ? -value : value;
};

// --- when animations run: the timing model of SMIL, as far as an image has it -------------------

const SYNC = /^\s*(.+)\.(begin|end)\s*(?:([+-])\s*(.+))?$/;
const readMoments = (text) =>
  text.split(";").map((one) => {
    const [, id, edge, sign, offset] = SYNC.exec(one) ?? [];
    if (id) return { id: id.replace(/\\/g, ""), edge, offset: (seconds(offset) ?? 0) * (sign === "-" ? -1 : 1) };
    return { time: seconds(one) ?? Infinity }; // what takes an event never comes
  });
const readTiming = (element) => {
  const [dur, repeatDur] = ["dur", "repeatDur"].map((name) => seconds(element.getAttribute(name)));
  const count = element.getAttribute("repeatCount");
  const simple = dur ?? Infinity;
  const repeats = [];
  if (count !== null) repeats.push(count === "indefinite" || simple === Infinity ? Infinity : simple * count);
  if (element.hasAttribute("repeatDur")) repeats.push(repeatDur ?? Infinity);
  const active = repeats.length ? Math.min(...repeats) : simple;
  const [min, max] = [seconds(element.getAttribute("min")) ?? 0, seconds(element.getAttribute("max")) ?? Infinity];
  return {
    element,
    active: max >= min ? Math.min(Math.max(active, min), max) : active,
    begin: readMoments(element.getAttribute("begin") ?? "0s"),
    end: element.hasAttribute("end") ? readMoments(element.getAttribute("end")) : [],
    restart: element.getAttribute("restart") ?? "always",
    intervals: [],
  };
};
const MOST_PASSES = 2000; // in which animations that set off each other are followed
const readIntervals = (source, until) => {
  const timings = [...source.querySelectorAll(MOVING)].map(readTiming);
  const named = new Map(timings.map((timing) => [timing.element.id, timing]));
  const times = (moments) =>
    moments
      .flatMap(({ time, id, edge, offset }) =>
        id === undefined ? [time] : (named.get(id)?.intervals ?? []).map((interval) => interval[edge] + offset),
      )
      .filter((time) => time <= until)
      .sort((a, b) => a - b);
  const follow = (timing) => {
    const ends = times(timing.end);
    const intervals = [];
    for (const begin of times(timing.begin)) {
      const last = intervals.at(-1);
      if (last && (timing.restart === "never" || begin === last.begin)) continue;
      if (last && begin < last.end) {
        if (timing.restart === "whenNotActive") continue;
        last.end = begin;
      }
      intervals.push({ begin, end: Math.min(begin + timing.active, ends.find((end) => end > begin) ?? Infinity) });
    }
    return intervals;
  };
  let changed = true;
  for (let pass = 0; changed && pass < MOST_PASSES; pass++) {
    changed = false;
    for (const timing of timings) {
      const intervals = follow(timing);
      changed ||= JSON.stringify(intervals) !== JSON.stringify(timing.intervals);
      timing.intervals = intervals;
    }
  }
  return timings.map((timing) => timing.intervals);
};

// The browser's own clock goes on while a copy is drawn. At a thousand million times slower, that is less than the
// last bit of what is animated; the browser counts up to some 9e12 seconds.
const MOST_SLOWNESS = 1e9;
const FARTHEST = 4e12; // seconds
const BEFORE_END = 1e-6; // seconds
const stillAnimation = (element, interval, age) => {
  const isOver = interval && age >= interval.end;
  if (!interval || (isOver && element.getAttribute("fill") !== "freeze")) return void element.remove();
  // What is over but stays is stretched: it still begins when it did, which decides what it lies over.
  const length = interval.end - interval.begin - BEFORE_END;
  const stretch = isOver ? (age - interval.begin) / Math.max(length, BEFORE_END) : 1;
  const lengths = ["dur", "repeatDur"]
    .map((name) => [name, seconds(element.getAttribute(name)) * stretch])
    .filter(([, value]) => Number.isFinite(value));
  const begin = interval.begin - age;
  const slowness = Math.min(MOST_SLOWNESS, FARTHEST / Math.max(Math.abs(begin), ...lengths.map(([, value]) => value)));
  const slowed = (time) => `${(time * slowness).toFixed(0)}s`;
  element.setAttribute("begin", slowed(begin));
  for (const name of ["end", "min", "max"]) element.removeAttribute(name);
  for (const [name, value] of lengths) element.setAttribute(name, slowed(value));
};

// --- CSS ----------------------------------------------------------------------------------------

const ageStyle = (style, age) => {
  const delays = style.animationDelay;
  if (!delays) return;
  const aged = delays.split(",").map((delay) => `calc(${delay} - ${age}s)`);
  style.setProperty("animation-delay", aged.join(), style.getPropertyPriority("animation-delay"));
};
const ageRules = (rules, age) => {
  for (const rule of rules) {
    if (rule instanceof CSSKeyframesRule) continue;
    if (rule.style) ageStyle(rule.style, age);
    if (rule.cssRules) ageRules(rule.cssRules, age);
  }
};

const stillSvg = (source, age) => {
  const copy = source.cloneNode(true);
  const intervals = readIntervals(source, age).map((all) => all.at(-1));
  [...copy.querySelectorAll(MOVING)].forEach((element, i) => stillAnimation(element, intervals[i], age));
  for (const element of copy.querySelectorAll("[style]")) ageStyle(element.style, age);
  for (const element of copy.querySelectorAll("style")) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(element.textContent);
    ageRules(sheet.cssRules, age);
    element.textContent = [...sheet.cssRules].map((rule) => rule.cssText).join("\n");
  }
  const frozen = copy.createElementNS("http://www.w3.org/2000/svg", "style");
  frozen.textContent =
    `*, ::before, ::after { animation-delay: ${-age}s } ` +
    "*, ::before, ::after { animation-play-state: paused !important }";
  copy.documentElement.prepend(frozen);
  return new XMLSerializer().serializeToString(copy);
};
const movingSvg = (text) => {
  if (!/<(\w+:)?(animate|set\b)|animation|@keyframes/i.test(text)) return null;
  const source = new DOMParser().parseFromString(text, "image/svg+xml");
  if (source.querySelector("parsererror")) return null;
  let last = "";
  return {
    at: async (time) => {
      URL.revokeObjectURL(last);
      last = URL.createObjectURL(new Blob([stillSvg(source, time / 1000)], { type: "image/svg+xml" }));
      return last;
    },
    next: (time) => time + config.frameDuration,
    isSvg: true,
  };
};
