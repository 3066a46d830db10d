// The browser's own functions, which the page may replace, and the runtime of the frame above.

// The page may replace any of these, so the runtime keeps the browser's own.
Object.assign(native, {
  requestAnimationFrame: window.requestAnimationFrame.bind(window),
  play: HTMLMediaElement.prototype.play,
  pause: HTMLMediaElement.prototype.pause,
  load: HTMLMediaElement.prototype.load,
  mediaSource: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "src"),
  currentTime: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime"),
  paused: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "paused"),
  volume: Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "volume"),
  fetch: window.fetch.bind(window),
  bodyBytes: Response.prototype.arrayBuffer,
  blobBytes: Blob.prototype.arrayBuffer,
  decodeAudio: window.BaseAudioContext?.prototype.decodeAudioData,
  startAudio: window.OfflineAudioContext?.prototype.startRendering,
  suspendAudio: window.OfflineAudioContext?.prototype.suspend,
  resumeAudio: window.OfflineAudioContext?.prototype.resume,
  analyse: window.AnalyserNode?.prototype.getFloatFrequencyData,
  onPicture: HTMLVideoElement.prototype.requestVideoFrameCallback,
  offPicture: HTMLVideoElement.prototype.cancelVideoFrameCallback,
  askFrameTimes: window.__helios_frame_times__,
  timelineTime: Object.getOwnPropertyDescriptor(AnimationTimeline.prototype, "currentTime"),
  startTime: Object.getOwnPropertyDescriptor(Animation.prototype, "startTime"),
  animationTime: Object.getOwnPropertyDescriptor(Animation.prototype, "currentTime"),
});
delete window.__helios_frame_times__;

const parentRuntime = () => {
  try {
    return window.parent !== window ? window.parent[KEY] : undefined;
  } catch {
    return undefined; // another origin: the driver drives this context itself
  }
};
const startClock = () => parentRuntime()?.clock() ?? 0;
