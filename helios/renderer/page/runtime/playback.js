// Playback of media elements: what each plays from when on, as a list of segments.
//
// A segment lasts from one change to the next: play, pause, seek, end, another source, rate or loop
// flag, removal from the document. It alone says where the element stands, so that no change reaches
// into the past. The browser itself never plays an element.

const media = new Map(); // element -> its track
const number = (element, ...names) => {
  for (const name of names) {
    const value = parseFloat(element.getAttribute(name));
    if (Number.isFinite(value)) return value;
  }
  return undefined;
};
const declaredStart = (element) => number(element, "data-helios-start", "data-helios-offset");
const declaredTrim = (element) => number(element, "data-helios-trim", "data-helios-seek") ?? 0;
const declaredDuration = (element) => number(element, "data-helios-duration") ?? Infinity;
// Helios has attributes for what in HTML only scripts set.
const attributeOf = (element, name) => (dialect.readsAttributes ? number(element, name) : null);
const rateOf = (element) =>
  number(element, "data-helios-rate") ?? attributeOf(element, "playbackrate") ?? element.playbackRate;
const loops = (element) => element.loop || element.hasAttribute("data-helios-loop");

// --- segments ---------------------------------------------------------------------------------

const NOTHING_YET = {
  from: 0, // milliseconds on the timeline
  until: Infinity, // likewise: by then the next one has begun, or what was asked for is over
  playing: false,
  source: "", // empty until the browser has chosen one
  position: 0, // seconds into the source at `from`
  rate: 1,
  loop: false,
  loopStart: 0, // seconds into the source at which it begins again
  preservesPitch: true,
  continues: false, // it goes on with what the one before it played
  announced: true, // the page has been told that it plays
};
const segmentOf = (track) => track.segments.at(-1);
const positionAt = (segment, time, length) => {
  const played = segment.playing ? Math.max(Math.min(time, segment.until) - segment.from, 0) / 1000 : 0;
  const position = segment.position + played * segment.rate;
  if (!Number.isFinite(length) || position < length) return position;
  if (!segment.playing || !segment.loop) return length;
  return segment.loopStart + ((position - segment.loopStart) % Math.max(length - segment.loopStart, 1e-3));
};
// When a segment comes to the end of its source; Infinity if it doesn't.
const sourceEnd = (segment, length) => {
  if (!segment.playing || segment.loop || !Number.isFinite(length) || segment.rate <= 0) return Infinity;
  return segment.from + (Math.max(length - segment.position, 0) / segment.rate) * 1000;
};
const beginSegment = (track, changes) => {
  const last = segmentOf(track);
  const next = { ...last, from: clock, until: Infinity, continues: false, announced: true, ...changes };
  if (last.playing && last.from < clock) last.until = Math.min(last.until, clock);
  else track.segments.pop(); // it has never been heard
  track.segments.push(next);
};

const trackOf = (element) => {
  let track = media.get(element);
  if (track) return track;
  track = {
    key: `media ${media.size}`, // of its timer
    segments: [{ ...NOTHING_YET }],
    levels: [], // the volume, from when on: { clock, level, frame, before }
    unmuted: false, // it has been so at some time
    scripted: Boolean(dialect.scriptsMedia), // the page itself says when it plays
    begun: false, // its source has been put on the timeline
    attached: false,
    declared: "",
    src: element.getAttribute("src"),
    soughtByPage: false, // the browser's events of a seek are for the page
    passedOn: null, // the last of them
    get playing() {
      return segmentOf(this).playing;
    },
  };
  media.set(element, track);
  hideNativeEvents(element);
  if (element instanceof HTMLVideoElement ? element.preload !== "auto" : element.preload === "none") {
    element.preload = "auto";
  }
  if (!native.paused.get.call(element)) native.pause.call(element);
  noteElement(element);
  return track;
};
const playTime = (element) => positionAt(segmentOf(trackOf(element)), clock, element.duration);
const hasEnded = (element) => !loops(element) && playTime(element) >= element.duration;
const isPlaying = (element) => {
  const segment = segmentOf(trackOf(element));
  const end = Math.min(segment.until, sourceEnd(segment, element.duration));
  return segment.playing && segment.from <= clock && clock < end;
};

// --- what the page changes --------------------------------------------------------------------

// An element that no script has played is on the timeline, from its start on.
const declarePlayback = (element, track) => {
  const [start, position] = [declaredStart(element), declaredTrim(element)];
  const from = start === undefined ? clock : start * 1000;
  const until = from + declaredDuration(element) * 1000;
  const [rate, loop] = [rateOf(element), loops(element)];
  const segment = { from, until, playing: true, position, rate, loop, loopStart: position, announced: false };
  if (from < clock) Object.assign(segment, { from: clock, position: positionAt(segment, clock, element.duration) });
  beginSegment(track, segment);
  track.begun = true;
};
// The browser loads a source: the element stands at its beginning.
const restartPlayback = (element, track) => {
  track.begun = false;
  const playing = track.scripted && element.autoplay;
  if (track.scripted || !(track.attached || element.autoplay)) {
    beginSegment(track, { playing, position: 0, loopStart: 0, source: "", announced: false });
  } else {
    declarePlayback(element, track);
    segmentOf(track).source = "";
  }
};
const noteSource = (element, track) => {
  const src = element.getAttribute("src");
  const isNew = src !== track.src && src !== null;
  track.src = src;
  if (isNew) restartPlayback(element, track);
  const segment = segmentOf(track);
  // Until the browser has chosen among several sources, it still names the one before.
  const isChosen = [HTMLMediaElement.NETWORK_IDLE, HTMLMediaElement.NETWORK_LOADING].includes(element.networkState);
  segment.source ||= src !== null ? element.src : isChosen ? element.currentSrc : "";
  if (segment.source.startsWith("blob:")) keepObject(segment.source);
};
const noteAttachment = (element, track) => {
  const segment = segmentOf(track);
  const declared = [declaredStart(element), declaredTrim(element), declaredDuration(element)].join();
  if (element.isConnected && !track.attached) {
    track.attached = true;
    const playsAgain = !(track.begun && element.autoplay);
    if (!track.scripted && !segment.playing && playsAgain) declarePlayback(element, track);
  } else if (!element.isConnected && track.attached) {
    // HTML: an element that is taken out of its document pauses.
    track.attached = false;
    const wasPlaying = isPlaying(element);
    const position = playTime(element);
    beginSegment(track, { playing: false, position });
    if (wasPlaying) hop().then(() => announce(element, "timeupdate", "pause"));
  } else if (declared !== track.declared && !track.scripted && segment.playing) {
    declarePlayback(element, track);
  }
  if (element.autoplay && !track.attached && !track.scripted && !track.begun) declarePlayback(element, track);
  track.declared = declared;
};
const noteSpeed = (element, track) => {
  const segment = segmentOf(track);
  const speed = { rate: rateOf(element), loop: loops(element), preservesPitch: element.preservesPitch };
  if (Object.keys(speed).every((name) => speed[name] === segment[name])) return;
  if (segment.from >= clock) {
    Object.assign(segment, speed);
  } else {
    const position = positionAt(segment, clock, element.duration);
    const { until, announced } = segment;
    beginSegment(track, { ...speed, position, until, announced, continues: segment.playing });
  }
};
let lastFrame = null; // { frame, clock } of the frame visited before this one
let thisFrame = null;
const noteLevel = (element, track, byFrame) => {
  const silent = element.muted || element.hasAttribute("data-helios-no-audio");
  if (!silent) track.unmuted = true;
  const declaredLevel = number(element, "data-helios-volume") ?? attributeOf(element, "volume");
  const level = silent ? 0 : declaredLevel ?? native.volume.get.call(element);
  const last = track.levels.at(-1);
  if (last?.level === level) return;
  if (last?.clock === clock) last.level = level;
  else track.levels.push({ clock, level, frame: byFrame ? frame : null, before: lastFrame });
};
// Note how an element stands after scripts have run; `byFrame` if those that run for each frame.
const noteElement = (element, byFrame = false) => {
  const track = trackOf(element);
  noteSource(element, track);
  noteAttachment(element, track);
  noteSpeed(element, track);
  noteLevel(element, track, byFrame);
  schedulePlayback(element, track);
  routeElement(element);
  return track;
};
let retired = false; // the document is gone
const findMedia = (byFrame = false) => {
  if (retired) return;
  for (const root of roots) for (const element of root.querySelectorAll("video, audio")) trackOf(element);
  for (const element of media.keys()) noteElement(element, byFrame);
};
afterScripts.push(() => findMedia());

// --- events -----------------------------------------------------------------------------------

const OWN_EVENTS = ["play", "playing", "pause", "ended", "timeupdate", "seeking", "seeked", "waiting"];
const SEEK_EVENTS = ["seeking", "timeupdate", "seeked"];
const announce = (element, ...types) => {
  for (const type of types) element.dispatchEvent(new Event(type));
};
// The browser tells of what the renderer does to an element, which isn't what the page did.
const hideNativeEvent = (event) => {
  if (!event.isTrusted || !(event.target instanceof HTMLMediaElement)) return;
  const track = trackOf(event.target);
  if (event.type === "play") native.pause.call(event.target);
  if (track.passedOn === event) return; // on its way through the document
  if (track.soughtByPage && SEEK_EVENTS.includes(event.type)) track.passedOn = event;
  else event.stopImmediatePropagation();
  if (event.type === "seeked") track.soughtByPage = false;
};
const hideNativeEvents = (target) => {
  for (const type of OWN_EVENTS) native.listen.call(target, type, hideNativeEvent, true);
};

const listened = new Set(); // types of events that the page has listeners for
EventTarget.prototype.addEventListener = new Proxy(EventTarget.prototype.addEventListener, {
  apply: (add, target, args) => {
    listened.add(args[0]);
    return Reflect.apply(add, target, args);
  },
});
const listens = (element, ...types) =>
  types.some((type) => listened.has(type) || typeof element[`on${type}`] === "function");

const UPDATE_PERIOD = 250; // milliseconds between two `timeupdate` events
const liveTracks = (element) => [...element.textTracks].filter((track) => track.mode !== "disabled" && track.cues);
const nextCue = (element, segment) => {
  let next = Infinity;
  const position = positionAt(segment, clock, element.duration);
  for (const track of liveTracks(element)) {
    for (const { startTime, endTime } of track.cues) {
      for (const time of [startTime, endTime]) if (time > position + 1e-6) next = Math.min(next, time);
    }
  }
  return clock + ((next - position) / segment.rate) * 1000;
};
const playbackMoments = (element, track) => {
  const segment = segmentOf(track);
  if (!segment.playing) return [];
  if (!segment.announced) return [[segment.from, () => startPlayback(element, segment)]];
  const found = [
    [sourceEnd(segment, element.duration), () => endPlayback(element, track, "ended")],
    [segment.until, () => endPlayback(element, track)],
  ];
  if (listens(element, "timeupdate")) {
    const last = Math.max(track.ticked ?? 0, segment.from);
    found.push([last + UPDATE_PERIOD, () => tickPlayback(element, track)]);
  }
  if (element.textTracks.length) found.push([nextCue(element, segment), () => {}]);
  return found;
};
const startPlayback = (element, segment) => {
  segment.announced = true;
  announce(element, "play", "playing");
};
const tickPlayback = (element, track) => {
  track.ticked = clock;
  announce(element, "timeupdate");
};
const endPlayback = (element, track, ...types) => {
  const position = playTime(element);
  beginSegment(track, { playing: false, position });
  if (element instanceof HTMLVideoElement) placeVideo(element);
  announce(element, "timeupdate", "pause", ...types);
};
// The next thing that happens to an element by itself is a timer.
const schedulePlayback = (element, track) => {
  let [due, run] = [Infinity, null];
  for (const [time, action] of playbackMoments(element, track)) if (time < due) [due, run] = [time, action];
  if (run === null) timers.delete(track.key);
  else timers.set(track.key, { due, rank: 0, order: 0, period: null, run, nesting: 0 });
};

// --- what the page calls ----------------------------------------------------------------------

// A script takes over an element that was on the timeline. A video has been seen there, and autoplay
// is the page's own word; what would only have been heard begins with the script instead.
const takeOver = (element, track) => {
  if (!track.scripted && !element.autoplay && !(element instanceof HTMLVideoElement)) {
    track.segments = [{ ...segmentOf(track), playing: false, position: declaredTrim(element) }];
  }
  track.scripted = true;
};
HTMLMediaElement.prototype.play = function () {
  const track = noteElement(this);
  const wasPlaying = isPlaying(this);
  takeOver(this, track);
  if (!wasPlaying || !segmentOf(track).playing) {
    const position = playTime(this);
    beginSegment(track, { playing: true, position: position >= this.duration ? 0 : position });
    noteElement(this);
    hop().then(() => announce(this, "play", "playing"));
  }
  return Promise.resolve();
};
HTMLMediaElement.prototype.pause = function () {
  const track = noteElement(this);
  const wasPlaying = isPlaying(this) && segmentOf(track).announced;
  const position = playTime(this);
  // A page that pauses what it never played takes the element over: it stands still from here.
  track.scripted = true;
  beginSegment(track, { playing: false, position });
  noteElement(this);
  if (!wasPlaying) return;
  if (this instanceof HTMLVideoElement) placeVideo(this);
  hop().then(() => announce(this, "timeupdate", "pause"));
};
HTMLMediaElement.prototype.load = function () {
  native.load.call(this);
  restartPlayback(this, trackOf(this));
};
Object.defineProperty(HTMLMediaElement.prototype, "src", {
  ...native.mediaSource,
  set(value) {
    native.mediaSource.set.call(this, value);
    const track = trackOf(this);
    track.src = this.getAttribute("src");
    restartPlayback(this, track);
    noteElement(this);
  },
});
Object.defineProperty(HTMLMediaElement.prototype, "currentTime", {
  ...native.currentTime,
  get() {
    return this.isConnected || media.has(this) ? playTime(this) : native.currentTime.get.call(this);
  },
  set(value) {
    const position = Number(value);
    if (!Number.isFinite(position)) return native.currentTime.set.call(this, value); // throws
    const track = noteElement(this);
    const playing = isPlaying(this) && (track.scripted || this.autoplay);
    takeOver(this, track);
    track.soughtByPage = this.readyState > 0;
    beginSegment(track, { playing, position: Math.max(position, 0) });
    seekTo(this, position);
    noteElement(this);
  },
});
Object.defineProperty(HTMLMediaElement.prototype, "paused", { ...native.paused, get() { return !isPlaying(this); } });
Object.defineProperty(HTMLMediaElement.prototype, "ended", { configurable: true, get() { return hasEnded(this); } });

// Elements are followed from their making on: outside of the document they can play, too.
window.Audio = new Proxy(window.Audio, {
  construct: (target, args, newTarget) => {
    const element = Reflect.construct(target, args, newTarget);
    trackOf(element);
    return element;
  },
});
Document.prototype.createElement = new Proxy(Document.prototype.createElement, {
  apply: (create, target, args) => {
    const element = Reflect.apply(create, target, args);
    if (element instanceof HTMLMediaElement) trackOf(element);
    return element;
  },
});

// --- each frame -------------------------------------------------------------------------------

// Cues follow the browser's own position, which only matters to an element that has some.
const placeAudio = (element) => {
  if (element.readyState < 1 || element.error || !liveTracks(element).length) return;
  const target = Math.min(playTime(element) + 2.5e-4, element.duration);
  if (native.currentTime.get.call(element) !== target) native.currentTime.set.call(element, target);
};
const seekMedia = () => {
  [lastFrame, thisFrame] = [thisFrame, { frame, clock }];
  findMedia(true);
  for (const element of media.keys()) {
    if (element instanceof HTMLVideoElement) placeVideo(element);
    else placeAudio(element);
  }
  forgetRevoked();
  noteChildren();
};
// What the sound and the events of the elements wait for; videos are waited for by their pictures.
const playbackWaiting = () => {
  const names = [];
  const { NETWORK_LOADING, NETWORK_NO_SOURCE } = HTMLMediaElement;
  for (const [element, track] of media) {
    if (element.error || isFed(element)) continue;
    const isLoading =
      element.networkState === NETWORK_LOADING || (element.networkState === NETWORK_NO_SOURCE && element.src);
    const isPlayed = segmentOf(track).playing || track.attached;
    const isAudio = element instanceof HTMLAudioElement;
    if (isAudio && ((isPlayed && element.readyState < 1 && isLoading) || element.seeking)) {
      names.push(`audio ${element.currentSrc || element.src}`);
    }
    for (const captions of element.querySelectorAll("track[src]")) {
      if (captions.track.mode !== "disabled" && captions.readyState < 2) names.push(`track ${captions.src}`);
    }
  }
  return names;
};
