// The time of animations, as the page reads and sets it.

let frameClock = clock; // the clock at the last frame; between frames timers move `clock` on

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
