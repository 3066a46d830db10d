// Virtual time for one browsing context. Evaluated before any script of the page, in every frame.
//
// The page's clocks (Date, performance.now, timers, requestAnimationFrame, media elements) show
// the time of the frame that is being drawn and nothing else. The driver calls, frame by frame,
//   advance(...)  timers that are due run at their own times, then the clock stands at the frame;
//   settle(...)   resolves once the browser has drawn the frame's animation callbacks and all that
//                 they wait for (images, fonts, media, waitUntilStable) is there.
// The driver stops the browser's animation clock: its own is rounded, with noise that differs from
// run to run. Every running animation is moved by this script instead, to exactly where it belongs.
(() => {
  "use strict";
  const config = __HELIOS_CONFIG__;
  const KEY = "__helios_runtime__";
  if (window[KEY]) return window[KEY].adopt(); // an inner frame's window stays when its first page comes

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
    reportError: window.reportError.bind(window),
    timelineTime: Object.getOwnPropertyDescriptor(AnimationTimeline.prototype, "currentTime"),
    startTime: Object.getOwnPropertyDescriptor(Animation.prototype, "startTime"),
    animationTime: Object.getOwnPropertyDescriptor(Animation.prototype, "currentTime"),
  };

  const parentRuntime = () => {
    try {
      return window.parent !== window ? window.parent[KEY] : undefined;
    } catch {
      return undefined; // another origin: the driver drives this context itself
    }
  };

  let clock = parentRuntime()?.clock() ?? 0; // milliseconds since frame 0
  let frameClock = clock; // the same at the last frame; between frames timers move `clock` on
  let frame = -1;

  // --- a task of its own: everything the page queued before it has run ------------------------

  const channel = new MessageChannel();
  const hops = [];
  channel.port1.onmessage = () => hops.shift()();
  const hop = () =>
    new Promise((resolve) => {
      hops.push(resolve);
      channel.port2.postMessage(0);
    });
  const sleep = (ms) => new Promise((resolve) => native.setTimeout(resolve, ms));

  const guarded = (callback, ...args) => {
    try {
      return callback.apply(window, args);
    } catch (error) {
      native.reportError(error);
      return undefined;
    }
  };

  // --- randomness: one stream a frame, so that frame n never depends on the frames before it --

  let randomState = 0;
  const reseed = (...parts) => {
    // FNV-1a over the parts: spreads neighbouring seeds and frames over all 32 bits.
    let hash = 0x811c9dc5;
    for (const char of [config.seed, ...parts].join("/")) {
      hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193);
    }
    randomState = hash >>> 0;
  };
  const random = () => {
    // mulberry32 (Tommy Ettinger, public domain): 32 bits of state, passes gjrand.
    randomState = (randomState + 0x6d2b79f5) >>> 0;
    let t = Math.imul(randomState ^ (randomState >>> 15), randomState | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  reseed("load");
  Math.random = random;
  if (window.crypto) {
    const randomBytes = (view) => {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
      return view;
    };
    Crypto.prototype.getRandomValues = randomBytes;
    Crypto.prototype.randomUUID = () => {
      const b = randomBytes(new Uint8Array(16));
      b[6] = (b[6] & 15) | 64;
      b[8] = (b[8] & 63) | 128;
      const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    };
  }

  // --- clocks -------------------------------------------------------------------------------

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

  // --- timers -------------------------------------------------------------------------------

  const timers = new Map(); // id -> { due, order, period, run }
  let lastTimer = 0;
  let nesting = 0;

  const addTimer = (handler, delay, args, repeats) => {
    // HTML, "timer initialization steps": nested timers wait 4 ms at least from the fifth level on.
    const wait = Math.max(Number(delay) || 0, nesting >= 5 ? 4 : repeats ? 1 : 0);
    const id = ++lastTimer;
    const run = typeof handler === "function" ? () => handler.apply(window, args) : () => (0, eval)(String(handler));
    timers.set(id, { due: clock + wait, order: id, period: repeats ? wait : null, run, nesting: nesting + 1 });
    if (wait === 0) native.setTimeout(() => timers.has(id) && timers.get(id).due <= clock && fire(id));
    return id;
  };
  const fire = (id) => {
    const timer = timers.get(id);
    if (timer.period === null) timers.delete(id);
    else timer.due += timer.period;
    reseed("timer", id, clock);
    nesting = timer.nesting;
    guarded(timer.run);
    nesting = 0;
  };
  const nextTimer = () => {
    let next = null;
    for (const [id, timer] of timers) {
      const sooner = next === null || timer.due < next.timer.due;
      if (sooner || (timer.due === next.timer.due && timer.order < next.timer.order)) next = { id, timer };
    }
    return next;
  };
  const runTimers = async (until) => {
    for (let next = nextTimer(); next && next.timer.due <= until; next = nextTimer()) {
      clock = Math.max(clock, next.timer.due);
      fire(next.id);
      await hop();
    }
  };
  window.setTimeout = (handler, delay, ...args) => addTimer(handler, delay, args, false);
  window.setInterval = (handler, delay, ...args) => addTimer(handler, delay, args, true);
  window.clearTimeout = window.clearInterval = (id) => void timers.delete(Number(id));
  window.requestIdleCallback = (callback) =>
    addTimer(() => callback({ didTimeout: false, timeRemaining: () => 50 }), 1, [], false);
  window.cancelIdleCallback = window.clearTimeout;

  // Nobody answers a dialog.
  window.alert = (text) => console.log(`alert: ${text}`);
  window.confirm = () => true;
  window.prompt = (_, answer) => answer ?? null;
  window.print = () => {};

  // --- animation frames -----------------------------------------------------------------------

  let callbacks = new Map();
  let lastCallback = 0;
  let drawn = Promise.resolve(); // resolves when the browser has run this frame's callbacks

  window.requestAnimationFrame = (callback) => {
    callbacks.set(++lastCallback, callback);
    return lastCallback;
  };
  window.cancelAnimationFrame = (id) => void callbacks.delete(id);

  const runCallbacks = () => {
    const due = callbacks;
    callbacks = new Map();
    for (const [id, callback] of due) {
      // A callback may cancel one that comes after it.
      if (due.has(id)) guarded(callback, clock);
    }
  };
  let runFrame = () => {};
  const armFrame = () => {
    drawn = new Promise((resolve) => {
      runFrame = () => {
        runFrame = () => {};
        reseed("frame", frame);
        runCallbacks();
        resolve();
      };
      // The browser leaves out documents that can't be seen; `settle` makes up for it.
      native.requestAnimationFrame(() => runFrame());
    });
  };

  // --- animations -----------------------------------------------------------------------------

  const roots = new Set();
  const attachShadow = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    const root = attachShadow.call(this, init);
    roots.add(root);
    return root;
  };
  const findDeclaredRoots = () => {
    for (const element of document.querySelectorAll("*")) {
      if (element.shadowRoot) roots.add(element.shadowRoot);
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
  // What is scaled gets a layer that is drawn once, at one scale, and stretched from then on: blurred,
  // and by how much depends on the frames before. Where contents are said to change there is no such
  // layer (Blink's CompositingReasonFinder). Layers that are only moved or faded stay: they are fast.
  const SCALES = /scale|matrix|perspective|zoom|3d|rotate[XY]|translateZ/i;
  const judged = new WeakSet();
  const keepSharp = (animation) => {
    if (judged.has(animation)) return;
    judged.add(animation);
    const { target } = animation.effect;
    const frames = animation.effect.getKeyframes?.() ?? [];
    const scales = frames.some((one) => (one.scale ?? "none") !== "none" || SCALES.test(one.transform ?? ""));
    if (scales) target?.style?.setProperty("will-change", "contents", "important");
  };
  const noteAnimations = (list) => {
    const moving = (one) =>
      one.effect && !one.pending && one.playState === "running" && one.timeline === document.timeline;
    for (const one of list) if (one.effect) keepSharp(one);
    // While a document loaded its animation clock still ran; what began then begins now.
    const begun = list.filter((one) => loaded && moving(one) && !placed.has(one) && one.playbackRate > 0);
    for (const one of begun) native.animationTime.set.call(one, 0);
    loaded = false;
    bases = new Map(list.filter(moving).map((animation) => [animation, baseOf(animation)]));
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
  const addEventListener = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (/animationiteration$/i.test(type)) hearsIterations = true;
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

  // --- media ----------------------------------------------------------------------------------

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
      seeking: null,
      pictured: true, // the picture of the last seek is on its way to the screen
      seeks: 0,
    };
    if (Number.isNaN(track.start)) track.start = loadTime;
    media.set(element, track);
    if (element instanceof HTMLVideoElement && element.preload !== "auto") element.preload = "auto";
    if (!native.paused.get.call(element)) native.pause.call(element);
    return track;
  };
  const seekTo = (element, time) => {
    if (element instanceof HTMLVideoElement && native.onPicture) {
      const track = trackOf(element);
      const seek = ++track.seeks;
      const onPicture = () => {
        if (track.seeks !== seek) return;
        // It may be that of a seek before this one.
        if (element.seeking) native.onPicture.call(element, onPicture);
        else track.pictured = true;
      };
      track.pictured = false;
      native.onPicture.call(element, onPicture);
    }
    native.currentTime.set.call(element, time);
  };
  const rateOf = (element) => number(element, "data-helios-rate") ?? element.playbackRate;
  const loops = (element) => element.loop || element.hasAttribute("data-helios-loop");

  const playTime = (element) => {
    const track = trackOf(element);
    const rate = rateOf(element);
    let time;
    if (track.scripted) {
      if (!track.playing) return native.currentTime.get.call(element);
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
  const seekVideo = (element) => {
    if (element.error || element.readyState < 1) return; // without metadata there is nothing to seek in
    const track = trackOf(element);
    // A quarter of a millisecond keeps rounding from showing the source frame before.
    const last = Math.max(element.duration - 1e-3, 0);
    const target = Math.min(playTime(element) + 2.5e-4, last);
    if (track.shown === target && !element.seeking) return;
    track.shown = target;
    const seeked = new Promise((resolve) => {
      element.addEventListener("seeked", resolve, { once: true });
      element.addEventListener("error", resolve, { once: true });
    });
    seekTo(element, target);
    track.seeking = seeked.then(() => (track.seeking = null));
  };
  const endMedia = (element, track) => {
    if (track.ended || !hasEnded(element) || (track.scripted && !track.playing)) return;
    track.ended = true;
    endSegment(element);
    announce(element, "pause", "ended");
  };
  const placeVideo = (element) => {
    const track = trackOf(element);
    // What the page itself placed stays; `waiting` waits while it seeks.
    if (track.scripted && !track.playing) track.shown = undefined;
    else seekVideo(element);
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

  const soundOf = (element, track) => {
    const common = {
      source: element.currentSrc || element.src || element.querySelector("source")?.src || "",
      volume: number(element, "data-helios-volume") ?? native.volume.get.call(element),
      fadeIn: number(element, "data-helios-fade-in") ?? 0,
      fadeOut: number(element, "data-helios-fade-out") ?? 0,
      preservesPitch: element.preservesPitch,
      volumes: element.hasAttribute("data-helios-volume") ? [] : track.volumes,
    };
    if (!track.scripted) {
      return [{
        ...common,
        start: track.start / 1000,
        trim: track.trim,
        duration: number(element, "data-helios-duration") ?? null,
        rate: rateOf(element),
        loop: loops(element),
      }];
    }
    const segments = [...track.segments];
    if (track.playing) segments.push({ ...track.playing, end: null, rate: rateOf(element), loop: loops(element) });
    return segments.map((segment) => ({
      ...common,
      start: segment.clock / 1000,
      trim: segment.time,
      duration: segment.end === null ? null : (segment.end - segment.clock) / 1000,
      rate: segment.rate,
      loop: segment.loop,
    }));
  };

  // --- work that ends by itself, and that a frame may be waiting for ---------------------------

  const busy = new Map(); // promise -> what it is about
  const watch = (owner, ...names) => {
    for (const name of names) {
      const original = owner[name];
      if (!original) continue;
      owner[name] = function (...args) {
        const result = original.apply(this, args);
        const done = () => busy.delete(result);
        busy.set(result, name);
        result.then(done, done);
        return result;
      };
    }
  };
  watch(window, "createImageBitmap", "fetch");
  watch(Response.prototype, "arrayBuffer", "blob", "formData", "json", "text");
  watch(Blob.prototype, "arrayBuffer", "text");
  watch(FontFace.prototype, "load");
  watch(HTMLImageElement.prototype, "decode");
  const working = () => [...busy.values()].filter((name) => name !== "decode");
  // The browser decodes an image while it draws.
  const decoding = () => [...busy.values()].includes("decode");

  // --- what pages offer to be driven by -------------------------------------------------------

  const gsapTimelines = () => {
    const registered = [
      ...Object.values(window.__timelines ?? {}),
      ...(window.__helios_gsap_timeline__ ? [window.__helios_gsap_timeline__] : []),
    ];
    if (registered.length || !window.gsap?.globalTimeline) return registered;
    // One paused timeline and none registered: it waits to be driven.
    const paused = window.gsap.globalTimeline.getChildren(false, false, true).filter((t) => t.paused());
    return paused.length === 1 ? paused : [];
  };
  const driveLibraries = () => {
    const seconds = clock / 1000;
    // Virtual time jumps; GSAP would otherwise take a jump for a stall and slow its clock down.
    window.gsap?.ticker?.lagSmoothing?.(0);
    for (const timeline of gsapTimelines()) guarded(() => timeline.seek(seconds));
    if (typeof window.__hf?.seek === "function") guarded(() => window.__hf.seek(seconds));
    if (typeof window.helios?.seek === "function") guarded(() => window.helios.seek(frame));
    for (const svg of document.querySelectorAll("svg")) {
      if (svg.ownerSVGElement) continue;
      svg.pauseAnimations();
      svg.setCurrentTime(seconds);
    }
  };

  let hasWorkers = false;
  for (const name of ["Worker", "SharedWorker"]) {
    if (!window[name]) continue;
    window[name] = class extends window[name] {
      constructor(...args) {
        super(...args);
        hasWorkers = true;
      }
    };
  }
  // Whether something else than this page's own timers and animations may change it in any frame.
  const isDriven = () =>
    hasWorkers ||
    Boolean(window.helios?.seek || window.helios?.waitUntilStable || window.__hf) ||
    gsapTimelines().length > 0 ||
    document.querySelector("svg :is(animate, animateMotion, animateTransform, set)") !== null;

  // --- readiness --------------------------------------------------------------------------------

  const videosWaiting = () => {
    const names = [];
    for (const [element, track] of media) {
      if (!(element instanceof HTMLVideoElement) || element.error || !(element.currentSrc || element.src)) continue;
      if (track.seeking || element.seeking || element.readyState < 2) names.push(`video ${element.currentSrc}`);
      if (element.readyState >= 1 && track.shown === undefined && !element.seeking) placeVideo(element);
    }
    return names;
  };
  const loading = () => (document.readyState === "complete" ? [] : [`document ${location.href}`]);
  const waiting = () => {
    const names = [...loading(), ...videosWaiting(), ...working()];
    for (const root of roots) {
      for (const image of root.querySelectorAll("img")) {
        if (image.loading === "lazy") image.loading = "eager";
        if (!image.complete) names.push(`image ${image.currentSrc || image.src}`);
      }
    }
    if (document.fonts.status === "loading") names.push("fonts");
    return names;
  };
  const isSeen = (element) => {
    const box = element.getBoundingClientRect();
    const inside = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
    return inside && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  };
  // Whether a video shows another picture than when this was last asked. One that comes into sight
  // does: while nobody saw it, the browser kept its picture from the screen.
  const videosMoved = () => {
    let moved = false;
    for (const [element, track] of media) {
      if (!(element instanceof HTMLVideoElement)) continue;
      const [time, seen] = [native.currentTime.get.call(element), isSeen(element)];
      moved ||= track.settled !== time || (seen && !track.seen);
      [track.settled, track.seen] = [time, seen];
    }
    return moved;
  };
  // Whether every video that is seen has handed its new picture on; the browser tells while it draws.
  const pictured = () =>
    [...media].every(([element, track]) => track.pictured || !element.isConnected || !isSeen(element)) &&
    children().every((child) => child.pictured());
  const unplayable = () =>
    [...media.keys()].filter((element) => element.error).map((element) => element.currentSrc || element.src);

  // `waitUntilStable` may use timers and animation frames of its own, and no time passes while it
  // runs: what was asked for since it began is due at once.
  const stable = () => {
    const [firstTimer, firstCallback] = [lastTimer + 1, lastCallback + 1];
    const offers = [window.helios, window.__hf].filter((offer) => typeof offer?.waitUntilStable === "function");
    const state = { done: offers.length === 0 };
    Promise.all(offers.map((offer) => guarded(() => offer.waitUntilStable())))
      .catch(native.reportError)
      .finally(() => (state.done = true));
    state.help = () => {
      const own = [...timers].filter(([id]) => id >= firstTimer).sort(([, a], [, b]) => a.due - b.due || a.order - b.order);
      if (own.length) fire(own[0][0]);
      for (const [id, callback] of [...callbacks]) {
        if (id >= firstCallback && callbacks.delete(id)) guarded(callback, clock);
      }
    };
    return state;
  };
  const children = () => {
    const found = [];
    for (let i = 0; i < window.length; i++) {
      try {
        if (window[i][KEY]) found.push(window[i][KEY]);
      } catch {
        // another origin
      }
    }
    return found;
  };

  // --- the driver's side ------------------------------------------------------------------------

  // Ask again and again, less and less often, until nobody waits; returns what still does.
  const untilReady = async (blockers) => {
    const deadline = native.now() + config.settleTimeout;
    let names = blockers();
    for (let pause = 0; names.length && native.now() < deadline; pause = Math.min(pause + 1, 20)) {
      await sleep(pause);
      names = blockers();
    }
    return names;
  };

  const UNDRAWN = { waiting: [], unplayable: [], moved: false, pending: true, resting: false, still: false };
  // What a child answers, unless its document is replaced meanwhile: nobody answers then.
  const whileThere = (child, answer) => {
    let answered = false;
    const gone = async () => {
      while (!answered && children().includes(child)) await sleep(10);
      return UNDRAWN;
    };
    return Promise.race([answer.finally(() => (answered = true)), gone()]);
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

  const advance = async (toFrame, toClock) => {
    adopt();
    if (loaded) beginStyles();
    await runTimers(toClock);
    frame = toFrame;
    clock = Math.max(clock, toClock);
    reseed("frame", frame);
    driveLibraries();
    moveAnimations();
    frameClock = clock;
    seekMedia();
    await Promise.all(children().map((child) => whileThere(child, child.advance(toFrame, toClock))));
    // A document that loads isn't drawn, and animation callbacks may draw videos.
    await untilReady(() => [...loading(), ...videosWaiting()]);
    armFrame();
  };

  const settle = async (toFrame, toClock, isDrawn) => {
    adopt();
    if (frame !== toFrame) {
      // A document that came while the frame was being made.
      await advance(toFrame, toClock);
      return UNDRAWN;
    }
    if (isDrawn) runFrame();
    await drawn;
    await hop();
    await runTimers(clock);
    findMedia();
    const state = stable();
    for (let i = 0; i < 4; i++) await hop();
    const names = await untilReady(() => {
      if (!state.done) state.help();
      return [...waiting(), ...(state.done ? [] : ["waitUntilStable"])];
    });
    const shown = animations(); // asking also lets changed styles load what they name
    noteAnimations(shown);
    const inner = await Promise.all(
      children().map((child) => whileThere(child, child.settle(toFrame, toClock, true))),
    );
    // An animation that began since the frame was drawn gets its start time by drawing it again.
    const pending =
      decoding() || shown.some((animation) => animation.pending) || inner.some((i) => i.pending);
    if (pending && !isDrawn) await new Promise(native.requestAnimationFrame);
    const resting = !callbacks.size && !bases.size && !media.size;
    return {
      waiting: [...names, ...inner.flatMap((i) => i.waiting)],
      unplayable: [...unplayable(), ...inner.flatMap((i) => i.unplayable)],
      moved: [videosMoved(), ...inner.map((i) => i.moved)].includes(true),
      pending,
      // Nothing is under way that would change the next frame: it will likely look the same.
      resting: resting && inner.every((i) => i.resting),
      // It will look the same for sure, until the next event.
      still: resting && !isDriven() && inner.every((i) => i.still),
    };
  };

  // Milliseconds at which something may happen that changes the page's course; null for never.
  const nextEvent = () => {
    const inner = children().map((child) => child.nextEvent() ?? Infinity);
    const next = Math.min(nextTimer()?.timer.due ?? Infinity, nextAnimationEvent(), nextMediaEvent(), ...inner);
    return Number.isFinite(next) ? next : null;
  };

  const sounds = () => {
    findMedia();
    const own = [];
    for (const [element, track] of media) {
      if (!element.muted && (element.currentSrc || element.src)) own.push(...soundOf(element, track));
    }
    return [...own, ...children().flatMap((child) => child.sounds())];
  };

  const declared = () => {
    const root = document.querySelector("[data-duration]");
    const state = guarded(() => window.helios?.getState?.()) ?? {};
    const finite = (...values) => values.map(Number).find((value) => Number.isFinite(value) && value > 0) ?? null;
    let longest = 0;
    for (const animation of animations()) {
      const end = animation.effect?.getComputedTiming().endTime / Math.abs(animation.playbackRate || 1);
      if (Number.isFinite(end)) longest = Math.max(longest, end / 1000);
    }
    const timelines = gsapTimelines().map((timeline) => timeline.totalDuration()).filter(Number.isFinite);
    return {
      duration: finite(window.helios?.duration, state.duration, window.__hf?.duration, root?.dataset.duration),
      longestAnimation: finite(Math.max(longest, ...timelines)),
      replay: document.documentElement.hasAttribute("data-helios-replay"),
    };
  };

  // Begin anew with a document: the window of an inner frame outlives its first, empty one.
  let owner = null;
  const adopt = () => {
    if (owner === document) return;
    owner = document;
    frame = -1;
    loaded = true;
    media.clear();
    roots.clear();
    roots.add(document);
    document.addEventListener("DOMContentLoaded", findDeclaredRoots);
    // An element that plays by itself (autoplay) would run on real time.
    document.addEventListener("play", (event) => native.pause.call(event.target), true);
  };
  adopt();

  const runtime = {
    adopt,
    independent: !parentRuntime(),
    clock: () => clock,
    advance,
    settle,
    pictured,
    nextEvent,
    sounds,
    declared,
    addRoot: (root) => void roots.add(root),
  };
  Object.defineProperty(window, KEY, { value: runtime });
  if (!parentRuntime() || config.props) window.__HELIOS_PROPS__ = config.props;
})();
