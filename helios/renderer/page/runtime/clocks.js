// Virtual time: `clock`, and what of the platform tells the time.

let clock = parentRuntime()?.clock() ?? 0; // milliseconds since frame 0
let frameClock = clock; // the same at the last frame; between frames timers move `clock` on
let frame = -1;

const today = () => Math.floor(config.epoch + clock);
window.Date = new Proxy(native.Date, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length ? args : [today()], newTarget),
  apply: () => new native.Date(today()).toString(),
});
native.Date.now = today;
native.Date.prototype.constructor = window.Date;
Performance.prototype.now = () => clock;
Object.defineProperty(Performance.prototype, "timeOrigin", { get: () => config.epoch });

// What a page sees of the stopped animation clock: one that stands at the last frame.
const placed = new WeakSet(); // animations that the page itself has moved
const stopped = () => native.timelineTime.get.call(document.timeline) ?? 0;
const onTimeline = (animation) => animation.timeline === document.timeline;
Object.defineProperty(AnimationTimeline.prototype, "currentTime", {
  ...native.timelineTime,
  get() {
    const time = native.timelineTime.get.call(this);
    return this instanceof DocumentTimeline && time !== null ? frameClock : time;
  },
});
Object.defineProperty(Animation.prototype, "startTime", {
  ...native.startTime,
  get() {
    const time = native.startTime.get.call(this);
    return typeof time === "number" && onTimeline(this) ? time - stopped() + frameClock : time;
  },
  set(value) {
    placed.add(this);
    const shift = typeof value === "number" && onTimeline(this) ? stopped() - frameClock : 0;
    native.startTime.set.call(this, shift ? value + shift : value);
  },
});

Object.defineProperty(Animation.prototype, "currentTime", {
  ...native.animationTime,
  set(value) {
    placed.add(this);
    native.animationTime.set.call(this, value);
  },
});
