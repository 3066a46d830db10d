// CSS animations, transitions and Web Animations, on a stopped animation clock.

const roots = new Set();
const attachShadow = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (init) {
  const root = attachShadow.call(this, init);
  roots.add(root);
  return root;
};
// Shadow trees that markup declares, within others as well; closed ones are found by the renderer.
const findDeclaredRoots = (parent) => {
  for (const { shadowRoot } of parent.querySelectorAll("*")) {
    if (!shadowRoot) continue;
    roots.add(shadowRoot);
    findDeclaredRoots(shadowRoot);
  }
};
const animations = () => [...roots].flatMap((root) => root.getAnimations());

// Where each running animation stood, and when: it moves on from there until the page itself
// moves it. Adding up steps instead would make its place depend on which frames were visited.
let loaded = true; // until its first frame is settled
let bases = new Map(); // animation -> { time, clock, rate, set }
const baseOf = (animation) => {
  const time = native.animationTime.get.call(animation);
  const rate = animation.playbackRate;
  const known = bases.get(animation);
  return known?.set === time && known.rate === rate ? known : { time, clock: frameClock, rate, set: time };
};
// The browser gives an animation that was begun, paused, reversed or sped up its new state while it
// draws, and how soon depends on how busy the machine is. Setting its times does so at once. Returns
// whether there was anything to do: the events of it come with the next draw.
const resolvePending = (animation) => {
  if (!animation.pending || !onTimeline(animation)) return false;
  const time = native.animationTime.get.call(animation);
  const isRunning = animation.playState === "running";
  if (time === null || (isRunning && animation.playbackRate === 0)) return false;
  if (isRunning) native.startTime.set.call(animation, stopped());
  native.animationTime.set.call(animation, time);
  return true;
};
// Take note of where each running animation stands; returns whether the page has to be drawn again, which
// tells it of those that have begun.
const noteAnimations = (list) => {
  const resolved = list.filter(resolvePending);
  const moving = list.filter((one) => one.effect && one.playState === "running" && onTimeline(one));
  // While a document loaded its animation clock still ran; what began then begins now.
  const begun = moving.filter((one) => loaded && !placed.has(one) && one.playbackRate > 0);
  for (const one of begun) native.animationTime.set.call(one, 0);
  loaded = false;
  const isNew = moving.some((one) => !bases.has(one));
  bases = new Map(moving.map((animation) => [animation, baseOf(animation)]));
  return [isNew, resolved.length > 0, findOverAtOnce(list)].includes(true);
};
// Nothing here asks for styles, as `getAnimations` and `playState` do: what timers changed has to
// meet animations that stand at this frame. A transition is then turned back from where it is.
const moveAnimations = () => {
  for (const animation of bases.keys()) {
    const base = baseOf(animation);
    if (base.time === null) continue; // cancelled
    bases.set(animation, base);
    // The last term: what ends at this frame has ended, whatever the last bits of the sum say.
    const time = base.time + (clock - base.clock) * base.rate + Math.sign(base.rate) * 1e-6;
    native.animationTime.set.call(animation, time);
    base.set = native.animationTime.get.call(animation);
  }
};

// The next time at which an animation begins or ends: a page may listen for it. Where it listens
// for iterations these count too.
let hearsIterations = false;
let hearsAnimations = false; // their beginnings or ends
const addEventListener = EventTarget.prototype.addEventListener;
EventTarget.prototype.addEventListener = function (type, ...rest) {
  if (/animationiteration$/i.test(type)) hearsIterations = true;
  if (/animation(start|end)$/i.test(type)) hearsAnimations = true;
  return addEventListener.call(this, type, ...rest);
};
const turningPoints = (timing) => {
  const points = [0, timing.delay, timing.delay + timing.activeDuration, timing.endTime];
  if (hearsIterations && timing.currentIteration !== null) {
    const rounds = timing.currentIteration - timing.iterationStart;
    points.push(timing.delay + rounds * timing.duration, timing.delay + (rounds + 1) * timing.duration);
  }
  return points;
};
const nextAnimationEvent = () => {
  let next = Infinity;
  for (const [animation, base] of bases) {
    if (!animation.effect) continue;
    for (const point of turningPoints(animation.effect.getComputedTiming())) {
      const time = base.clock + (point - base.time) / base.rate;
      if (time > clock + 1e-2) next = Math.min(next, time);
    }
  }
  return next;
};

// Transitions from `@starting-style` begin with an element's first style, but only once the browser
// has begun to draw: whether that was so while the page loaded is a matter of luck. Elements that
// come back from `display: none` get their first style anew, here and now.
const hasStartingStyles = (rules) =>
  [...rules].some((rule) => rule instanceof CSSStartingStyleRule || (rule.cssRules && hasStartingStyles(rule.cssRules)));
const beginStyles = () => {
  const root = document.documentElement;
  const begins = [...document.styleSheets].some((sheet) => {
    try {
      return hasStartingStyles(sheet.cssRules);
    } catch {
      return false; // another origin's
    }
  });
  if (!begins || !root) return;
  const { display } = root.style;
  root.style.setProperty("display", "none", "important");
  getComputedStyle(root).display;
  root.style.display = display;
};

// An animation by a scroll timeline shows how far the page had scrolled when its frame began: scripts of
// the frame may have scrolled it since, which takes one more draw to be seen.
let sampledFrame = -1;
const samplesScroll = (list) => {
  const isFirst = sampledFrame !== frame;
  sampledFrame = frame;
  return isFirst && list.some((one) => one.timeline && !(one.timeline instanceof DocumentTimeline));
};
