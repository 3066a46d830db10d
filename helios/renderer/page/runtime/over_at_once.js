// Events of CSS animations that are over as soon as they begin: by a negative delay, or with no duration.
//
// The browser tells of such an animation only if nothing asks for its state until the next draw. Moving it on, last
// of all, makes that draw tell of it.

const noticed = new WeakSet();
let overAtOnce = [];
const findOverAtOnce = (list) => {
  const isNew = (one) => one instanceof CSSAnimation && one.playState === "finished" && !noticed.has(one) && onTimeline(one);
  const found = hearsAnimations ? [...list, ...unlistedAnimations()] : list;
  overAtOnce = found.filter(isNew);
  for (const animation of found) noticed.add(animation);
  return overAtOnce.length > 0;
};
const tellOverAtOnce = () => {
  for (const animation of overAtOnce) {
    const past = Math.sign(animation.playbackRate) * 1e-3; // the same time again would change nothing
    native.animationTime.set.call(animation, native.animationTime.get.call(animation) + past);
  }
  overAtOnce = [];
};

// Those without a fill aren't listed by the browser. They are looked for where style sheets have such times, the
// page listens, and scripts may have run.
const mayBeOverAtOnce = saying(
  /animation(-delay)?:[^;]*([ ,]-[.\d]+m?s|(var|calc)\()|animation(-duration)?:([^;]*,)? *(0m?s|auto|(var|calc)\()|animation-name:/,
  '[style*="animation"]',
);
const nth = (list, i) => list[i % list.length];
// Delays of an element's animations, with that of each one that is over at once put off; null without any.
const delaysPutOff = (style) => {
  const [durations, delays, counts, fills] = ["Duration", "Delay", "IterationCount", "FillMode"].map((name) =>
    style[`animation${name}`].split(", "),
  );
  const isOver = (name, i) => {
    const length = Number.parseFloat(nth(durations, i)) * Number.parseFloat(nth(counts, i).replace("infinite", "Infinity"));
    return name !== "none" && !/forwards|both/.test(nth(fills, i)) && (length || 0) + Number.parseFloat(nth(delays, i)) <= 0;
  };
  const names = style.animationName.split(", ");
  return names.some(isOver) ? names.map((name, i) => (isOver(name, i) ? "1e6s" : nth(delays, i))).join(", ") : null;
};
// An animation that begins later is listed, and shows nothing without a fill.
const listAnimations = (element, delays) => {
  const text = element.getAttribute("style");
  element.style.setProperty("animation-delay", delays, "important");
  const list = element.getAnimations();
  if (text === null) element.removeAttribute("style");
  else element.setAttribute("style", text);
  element.getAnimations(); // gives them their own delays again
  list.forEach(resolvePending);
  return list;
};
const namesLookedFor = new WeakMap(); // element -> its `animation-name` when its animations were listed
let lastLook = null; // how things stood when they were last looked for
const unlistedAnimations = () => {
  const marks = scriptMarks();
  if (lastLook && clock < lastLook.until && sameItems(lastLook.marks, marks) && !hasOtherParts()) return [];
  lastLook = { marks, until: nextTime() };
  const found = [];
  for (const root of [...roots].filter(mayBeOverAtOnce)) {
    for (const element of root.querySelectorAll("*")) {
      const style = getComputedStyle(element);
      const { animationName: name } = style;
      if (namesLookedFor.get(element) === name) continue;
      namesLookedFor.delete(element);
      if (name === "none" || !element.checkVisibility()) continue;
      namesLookedFor.set(element, name);
      const delays = delaysPutOff(style);
      if (delays) found.push(...listAnimations(element, delays));
    }
  }
  return found;
};
