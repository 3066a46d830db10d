// Playback of media elements: where each stands, and what the page does to it.

const media = new Map(); // element -> its track
const number = (element, ...names) => {
  for (const name of names) {
    const value = parseFloat(element.getAttribute(name));
    if (Number.isFinite(value)) return value;
  }
  return undefined;
};
const trackOf = (element) => {
  let track = media.get(element);
  if (track) return track;
  const loadTime = document.readyState === "complete" && clock > 0 ? clock : 0;
  track = {
    start: (number(element, "data-helios-start", "data-helios-offset") ?? NaN) * 1000,
    trim: number(element, "data-helios-trim", "data-helios-seek") ?? 0,
    scripted: false, // the page itself says when it plays
    playing: null, // { clock, time }: since when and from where a scripted element plays
    segments: [], // what a scripted element has played
    volumes: [],
  };
  if (Number.isNaN(track.start)) track.start = loadTime;
  media.set(element, track);
  if (element instanceof HTMLVideoElement && element.preload !== "auto") element.preload = "auto";
  if (!native.paused.get.call(element)) native.pause.call(element);
  return track;
};
const rateOf = (element) => number(element, "data-helios-rate") ?? element.playbackRate;
const loops = (element) => element.loop || element.hasAttribute("data-helios-loop");

const playTime = (element) => {
  const track = trackOf(element);
  const rate = rateOf(element);
  let time;
  if (track.scripted) {
    if (!track.playing) return placedTime(element);
    time = track.playing.time + ((clock - track.playing.clock) / 1000) * rate;
  } else {
    const most = (number(element, "data-helios-duration") ?? Infinity) * 1000;
    const elapsed = Math.min(Math.max(clock - track.start, 0), most) / 1000;
    time = track.trim + elapsed * rate;
  }
  const length = element.duration;
  if (!Number.isFinite(length) || time < length) return time;
  if (!loops(element)) return length;
  return track.trim + ((time - track.trim) % Math.max(length - track.trim, 1e-3));
};
const endSegment = (element) => {
  const track = trackOf(element);
  if (!track.playing) return;
  track.segments.push({ ...track.playing, end: clock, rate: rateOf(element), loop: loops(element) });
  track.playing = null;
};
const hasEnded = (element) => !loops(element) && playTime(element) >= element.duration;
const announce = (element, ...types) => {
  for (const type of types) element.dispatchEvent(new Event(type));
};

HTMLMediaElement.prototype.play = function () {
  const track = trackOf(this);
  if (!track.playing) {
    const time = track.scripted || native.currentTime.get.call(this) > 0 ? playTime(this) : track.trim;
    track.scripted = true;
    track.ended = false;
    track.playing = { clock, time: time >= this.duration ? 0 : time };
    hop().then(() => announce(this, "play", "playing"));
  }
  return Promise.resolve();
};
HTMLMediaElement.prototype.pause = function () {
  const track = trackOf(this);
  // A page that pauses what it never played takes the element over: it stands still from here.
  const time = playTime(this);
  const wasPlaying = track.playing !== null || !track.scripted;
  endSegment(this);
  track.scripted = true;
  if (wasPlaying) {
    seekTo(this, time);
    hop().then(() => announce(this, "pause"));
  }
};
Object.defineProperty(HTMLMediaElement.prototype, "currentTime", {
  ...native.currentTime,
  get() {
    return this.isConnected || media.has(this) ? playTime(this) : native.currentTime.get.call(this);
  },
  set(value) {
    const track = trackOf(this);
    if (track.playing) {
      endSegment(this);
      track.playing = { clock, time: Number(value) };
    }
    track.scripted = true;
    seekTo(this, value);
  },
});
Object.defineProperty(HTMLMediaElement.prototype, "paused", {
  ...native.paused,
  get() {
    const track = trackOf(this);
    return track.scripted ? track.playing === null : clock < track.start;
  },
});
Object.defineProperty(HTMLMediaElement.prototype, "ended", { configurable: true, get() { return hasEnded(this); } });
Object.defineProperty(HTMLMediaElement.prototype, "volume", {
  ...native.volume,
  set(value) {
    native.volume.set.call(this, value);
    trackOf(this).volumes.push([clock / 1000, Number(value)]);
  },
});
const findMedia = () => {
  for (const root of roots) for (const element of root.querySelectorAll("video, audio")) trackOf(element);
};
const endMedia = (element, track) => {
  if (track.ended || !hasEnded(element) || (track.scripted && !track.playing)) return;
  track.ended = true;
  endSegment(element);
  announce(element, "pause", "ended");
};
const seekMedia = () => {
  findMedia();
  for (const [element, track] of media) {
    endMedia(element, track);
    if (element instanceof HTMLVideoElement) placeVideo(element);
  }
};
const nextMediaEvent = () => {
  let next = Infinity;
  for (const [element, track] of media) {
    if (track.ended || loops(element) || !Number.isFinite(element.duration)) continue;
    if (track.scripted && !track.playing) continue;
    const from = track.playing ?? { clock: track.start, time: track.trim };
    const end = from.clock + ((element.duration - from.time) / rateOf(element)) * 1000;
    if (end > clock) next = Math.min(next, end);
  }
  return next;
};
