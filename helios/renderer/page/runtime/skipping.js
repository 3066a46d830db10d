// Which frames have to be visited on the way to a later one.

// Observers tell of what a frame's layout shows, so where anything moves each frame may set them off.
const observers = new Map(); // observer -> its targets -> options
for (const name of ["IntersectionObserver", "ResizeObserver"]) {
  window[name] = class extends window[name] {
    observe(target, ...rest) {
      super.observe(target, ...rest);
      if (!observers.has(this)) observers.set(this, new Map());
      observers.get(this).set(target, rest);
    }
    unobserve(target) {
      super.unobserve(target);
      observers.get(this)?.delete(target);
      if (!observers.get(this)?.size) observers.delete(this);
    }
    disconnect() {
      super.disconnect();
      observers.delete(this);
    }
  };
  Object.defineProperty(window[name], "name", { value: name });
}
// The browser tells of intersections in a task after a draw, when the frame may be over. Ask for them, so that
// they are told in the frame that they belong to; returns whether there were any.
const heard = new WeakMap(); // observer of intersections -> its callback
window.IntersectionObserver = new Proxy(window.IntersectionObserver, {
  construct: (target, args, newTarget) => {
    const observer = Reflect.construct(target, args, newTarget);
    heard.set(observer, args[0]);
    return observer;
  },
});
window.IntersectionObserver.prototype.constructor = window.IntersectionObserver;
const { takeRecords } = window.IntersectionObserver.prototype;
const tellIntersections = () => {
  let told = false;
  for (const observer of [...observers.keys()].filter((one) => heard.has(one))) {
    const records = takeRecords.call(observer);
    told ||= records.length > 0;
    if (records.length) guarded(() => heard.get(observer).call(observer, records, observer));
  }
  return told;
};
// Taking a picture draws the frame again. What an observer of sizes would be told in that draw is kept for the next
// frame, by observing its targets anew, so that it is told the same where no picture is taken.
const { observe: observeSize, unobserve: unobserveSize } = Object.getPrototypeOf(window.ResizeObserver.prototype);
let isSettled = false;
let frameOfSizes = -1; // the last in which an observer was told; what it did may be told in the next one
const postponed = new Set(); // { callback, observer, entries }
const tell = ({ callback, observer, entries }) => {
  frameOfSizes = frame;
  callback.call(observer, entries, observer);
};
window.ResizeObserver = new Proxy(window.ResizeObserver, {
  construct: (target, [callback, ...rest], newTarget) => {
    if (typeof callback !== "function") return Reflect.construct(target, [callback, ...rest], newTarget);
    const listen = (entries, observer) => {
      if (isSettled) postponed.add({ callback, observer, entries });
      else tell({ callback, observer, entries });
    };
    return Reflect.construct(target, [listen, ...rest], newTarget);
  },
});
window.ResizeObserver.prototype.constructor = window.ResizeObserver;
// The frame wasn't finished after all: something else had to be drawn. Returns whether anything was told.
const tellSizes = () => {
  isSettled = false;
  const due = [...postponed];
  postponed.clear();
  for (const one of due) guarded(() => tell(one));
  return due.length > 0;
};
const observeAnew = () => {
  isSettled = false;
  for (const { observer, entries } of postponed) {
    for (const { target } of entries) {
      const options = observers.get(observer)?.get(target);
      if (!options) continue; // not observed any more
      unobserveSize.call(observer, target);
      observeSize.call(observer, target, ...options);
    }
  }
  postponed.clear();
};
const isObserved = () => observers.size > 0 && (callbacks.size > 0 || bases.size > 0 || isDriven());

// GSAP takes more than half a second without a frame for a stall, and slows its clock down. It can be
// told not to, but not where a bundler keeps it to itself.
const GSAP_PATIENCE = 400; // milliseconds
const hasHiddenGsap = () => Boolean(window.gsapVersions && !window.gsap);

// Milliseconds at which something may happen that changes the page's course; null for never.
const nextEvent = () => {
  // A scroll tells of each of its steps.
  if (isObserved() || postponed.size || frameOfSizes === frame || hasNewCallbacks() || scrolls.size || (chainsTransitions && bases.size)) return clock + config.frameDuration;
  const inner = children().map((child) => child.nextEvent() ?? Infinity);
  const stall = hasHiddenGsap() ? clock + GSAP_PATIENCE : Infinity;
  const ownEvent = dialect.nextEvent?.() ?? Infinity;
  const next = Math.min(nextTime(), nextAnimationEvent(), nextGsapEvent(), nextImageEvent(), nextCaretEvent(), stall, ownEvent, ...inner);
  return Number.isFinite(next) ? next : null;
};
