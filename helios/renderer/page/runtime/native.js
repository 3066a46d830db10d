// The browser's own functions, which the page may replace, and the runtime of the frame above.

// The page may replace any of these, so the runtime keeps the browser's own.
const native = {
  Date: window.Date,
  now: performance.now.bind(performance),
  requestAnimationFrame: window.requestAnimationFrame.bind(window),
  setTimeout: window.setTimeout.bind(window),
  play: HTMLMediaElement.prototype.play,
  pause: HTMLMediaElement.prototype.pause,
  currentTime: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime"),
  paused: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "paused"),
  volume: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "volume"),
  onPicture: HTMLVideoElement.prototype.requestVideoFrameCallback,
  askFrameTimes: window.__helios_frame_times__,
  reportError: window.reportError.bind(window),
  timelineTime: Object.getOwnPropertyDescriptor(AnimationTimeline.prototype, "currentTime"),
  startTime: Object.getOwnPropertyDescriptor(Animation.prototype, "startTime"),
  animationTime: Object.getOwnPropertyDescriptor(Animation.prototype, "currentTime"),
};
delete window.__helios_frame_times__;

const parentRuntime = () => {
  try {
    return window.parent !== window ? window.parent[KEY] : undefined;
  } catch {
    return undefined; // another origin: the driver drives this context itself
  }
};
