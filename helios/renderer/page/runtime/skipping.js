// Which frames have to be visited on the way to a later one.

// Observers tell of what a frame's layout shows, so where anything moves each frame may set them off.
const observers = new Map(); // observer -> its targets
for (const name of ["IntersectionObserver", "ResizeObserver"]) {
  window[name] = class extends window[name] {
    observe(target, ...rest) {
      super.observe(target, ...rest);
      if (!observers.has(this)) observers.set(this, new Set());
      observers.get(this).add(target);
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
const isObserved = () => observers.size > 0 && (callbacks.size > 0 || bases.size > 0 || isDriven());

// GSAP takes more than half a second without a frame for a stall, and slows its clock down. It can be
// told not to, but not where a bundler keeps it to itself.
const GSAP_PATIENCE = 400; // milliseconds
const hasHiddenGsap = () => Boolean(window.gsapVersions && !window.gsap);

// Milliseconds at which something may happen that changes the page's course; null for never.
const nextEvent = () => {
  // A scroll tells of each of its steps.
  if (isObserved() || hasNewCallbacks() || scrolls.size) return clock + config.frameDuration;
  const inner = children().map((child) => child.nextEvent() ?? Infinity);
  const stall = hasHiddenGsap() ? clock + GSAP_PATIENCE : Infinity;
  const next = Math.min(nextTime(), nextAnimationEvent(), nextGsapEvent(), nextImageEvent(), nextCaretEvent(), stall, ...inner);
  return Number.isFinite(next) ? next : null;
};
