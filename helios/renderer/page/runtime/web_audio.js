// Web Audio on virtual time: an AudioContext renders offline, as far as the clock stands.
//
// The browser's OfflineAudioContext renders on demand up to a given block of samples and waits
// there. What an AudioContext plays is thus the same however fast it is rendered, and its nodes show
// at each frame what they would show at that time.

const BLOCK = 128; // samples that a context renders at a time
const LONGEST = 3600; // seconds that a context renders at most where its end isn't known
const contexts = new Map(); // AudioContext -> its rendering
const framesUntil = (time) => Math.floor(time / config.frameDuration + 1e-6);

const renderOf = (context) => contexts.get(context);
const contextTime = (rendering) => positionAt(segmentOf(rendering), clock, NaN);
const lastBlock = (rendering) => Math.floor((rendering.length - 1) / BLOCK);
const renderUntil = async (context, rendering, time) => {
  const block = Math.min(Math.floor(time * context.sampleRate / BLOCK + 1e-6), lastBlock(rendering));
  if (block <= rendering.block) return;
  rendering.block = block;
  // The browser rounds up to a block.
  const reached = native.suspendAudio.call(context, (block * BLOCK - 0.5) / context.sampleRate);
  if (rendering.result) native.resumeAudio.call(context);
  else rendering.result = native.startAudio.call(context);
  rendering.result.catch(() => {});
  await reached;
};
// An analyser smooths over the times at which it is asked: each frame, visited or not, is one.
const analyseFrames = async (context, rendering) => {
  for (; rendering.frame < framesUntil(clock); rendering.frame++) {
    const time = positionAt(segmentOf(rendering), (rendering.frame + 1) * config.frameDuration, NaN);
    await renderUntil(context, rendering, time);
    for (const analyser of rendering.analysers) {
      native.analyse.call(analyser, new Float32Array(analyser.frequencyBinCount));
    }
  }
};
const renderAudio = async () => {
  for (const [context, rendering] of contexts) {
    await Promise.all(rendering.loading);
    if (segmentOf(rendering).playing) {
      if (rendering.analysers.length) await analyseFrames(context, rendering);
      await renderUntil(context, rendering, contextTime(rendering));
    }
    rendering.frame = framesUntil(clock);
  }
};
beforeScripts.push(renderAudio);

// --- the page's AudioContext ------------------------------------------------------------------

const BROKEN = "InvalidStateError";
const changeContext = (context, state) => {
  const rendering = renderOf(context);
  if (rendering.state === "closed") throw new DOMException("the AudioContext is closed", BROKEN);
  if (rendering.state === state) return;
  const position = contextTime(rendering);
  rendering.state = state;
  beginSegment(rendering, { playing: state === "running", position });
  hop().then(() => context.dispatchEvent(new Event("statechange")));
};
const OfflineContext = window.OfflineAudioContext;
const VirtualAudioContext =
  OfflineContext &&
  class AudioContext extends OfflineContext {
    constructor({ sampleRate = 48000 } = {}) {
      const seconds = config.seconds === null ? LONGEST : Math.max(config.seconds - clock / 1000, 0);
      const length = Math.ceil((seconds * sampleRate) / BLOCK + 1) * BLOCK;
      super({ numberOfChannels: 2, length, sampleRate });
      contexts.set(this, {
        segments: [{ ...NOTHING_YET, from: clock, playing: true }],
        state: "running",
        length,
        block: 0,
        frame: framesUntil(clock),
        result: null, // of rendering to the end
        analysers: [],
        loading: [],
        isHeard: false,
        address: "", // of what it has rendered
      });
      // The browser's own tell when it waits for the clock.
      for (const type of ["statechange", "complete"]) {
        const hide = (event) => event.isTrusted && event.stopImmediatePropagation();
        native.listen.call(this, type, hide, true);
      }
    }
    get state() {
      return renderOf(this).state;
    }
    get baseLatency() {
      return 0;
    }
    get outputLatency() {
      return 0;
    }
    get sinkId() {
      return "";
    }
    async setSinkId() {}
    async resume() {
      changeContext(this, "running");
    }
    async suspend() {
      changeContext(this, "suspended");
    }
    async close() {
      changeContext(this, "closed");
    }
    getOutputTimestamp() {
      return { contextTime: this.currentTime, performanceTime: performance.now() };
    }
    createMediaElementSource(mediaElement) {
      return new MediaElementAudioSourceNode(this, { mediaElement });
    }
    createMediaStreamSource() {
      // Streams come from devices and connections, which a composition doesn't have.
      return this.createGain();
    }
    createMediaStreamDestination() {
      return Object.assign(this.createGain(), { stream: new MediaStream() });
    }
  };
if (VirtualAudioContext) {
  for (const name of ["startRendering", "length", "oncomplete"]) {
    Object.defineProperty(VirtualAudioContext.prototype, name, { configurable: true, value: undefined });
  }
  for (const name of ["AudioContext", "webkitAudioContext"]) {
    Object.defineProperty(window, name, { configurable: true, writable: true, value: VirtualAudioContext });
  }
  const { connect } = AudioNode.prototype;
  AudioNode.prototype.connect = function (destination, ...rest) {
    const rendering = renderOf(this.context);
    if (rendering && destination instanceof AudioDestinationNode) rendering.isHeard = true;
    return connect.call(this, destination, ...rest);
  };
  const noteAnalyser = (analyser) => {
    renderOf(analyser.context)?.analysers.push(analyser);
    return analyser;
  };
  const { createAnalyser } = BaseAudioContext.prototype;
  BaseAudioContext.prototype.createAnalyser = function () {
    return noteAnalyser(createAnalyser.call(this));
  };
  window.AnalyserNode = new Proxy(window.AnalyserNode, {
    construct: (target, args, newTarget) => noteAnalyser(Reflect.construct(target, args, newTarget)),
  });
  AnalyserNode.prototype.constructor = window.AnalyserNode;
}

// --- media elements in a graph ----------------------------------------------------------------

// A media element that goes into a graph is heard there alone: as a buffer that plays what its
// segments say.
const routes = new Map(); // element -> { context, gain, buffers, source, segment }
const decodedSound = async (context, address) => {
  try {
    const blob = blobAt(address);
    const bytes = await (blob ? native.blobBytes.call(blob) : native.bodyBytes.call(await native.fetch(address)));
    return await native.decodeAudio.call(context, bytes);
  } catch {
    return null; // it has no sound, or none that the browser can read
  }
};
const routeElement = (element) => {
  const route = routes.get(element);
  if (!route) return;
  const { context, gain } = route;
  const rendering = renderOf(context);
  const track = media.get(element);
  const segment = segmentOf(track);
  gain.gain.value = track.levels.at(-1)?.level ?? 1;
  const plays = segment.playing && segment.from <= clock && segment.source ? segment : null;
  if (plays && !route.buffers.has(segment.source)) {
    route.buffers.set(segment.source, undefined);
    route.since = clock; // the context stays where it is until the sound is there
    const loading = decodedSound(context, segment.source).then((buffer) => {
      route.buffers.set(segment.source, buffer);
      rendering.loading = rendering.loading.filter((other) => other !== loading);
      routeElement(element);
    });
    rendering.loading.push(loading);
  }
  const buffer = plays && route.buffers.get(plays.source);
  if (route.segment === plays || buffer === undefined) return;
  route.segment = plays;
  route.source?.stop();
  route.source = null;
  if (!buffer) return;
  const { rate, loop, loopStart } = plays;
  route.source = new AudioBufferSourceNode(context, { buffer, playbackRate: rate, loop, loopStart, loopEnd: buffer.duration });
  route.source.connect(gain);
  route.source.start(0, positionAt(plays, route.since ?? clock, buffer.duration));
  route.since = null;
};
if (VirtualAudioContext) {
  window.MediaElementAudioSourceNode = new Proxy(window.MediaElementAudioSourceNode, {
    construct: (target, [context, options], newTarget) => {
      if (!renderOf(context)) return Reflect.construct(target, [context, options], newTarget);
      const { mediaElement } = options;
      if (routes.has(mediaElement)) throw new DOMException("the element has a source node already", BROKEN);
      const gain = new GainNode(context);
      Object.defineProperty(gain, "mediaElement", { value: mediaElement });
      routes.set(mediaElement, { context, gain, buffers: new Map(), source: null, segment: null, since: null });
      noteElement(mediaElement);
      return gain;
    },
  });
}

// --- what is heard ----------------------------------------------------------------------------

const waveFile = (samples, sampleRate, channelCount) => {
  const [format, width] = samples instanceof Float32Array ? [3, 4] : [1, 2];
  const view = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  const { byteLength: size } = samples;
  const words = [[16, 16], [24, sampleRate], [28, sampleRate * channelCount * width], [40, size], [4, size + 36]];
  for (const [at, value] of words) view.setUint32(at, value, true);
  for (const [at, value] of [[20, format], [22, channelCount], [32, channelCount * width], [34, width * 8]]) view.setUint16(at, value, true);
  for (const [at, letters] of [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]]) text(at, letters);
  return new Blob([view, samples], { type: "audio/wav" });
};
const bufferFile = (buffer) => {
  const channels = [...Array(buffer.numberOfChannels).keys()].map((number) => buffer.getChannelData(number));
  const samples = new Float32Array(buffer.length * channels.length);
  channels.forEach((data, channel) => {
    for (let n = 0; n < data.length; n++) samples[n * channels.length + channel] = data[n];
  });
  return waveFile(samples, buffer.sampleRate, channels.length);
};
// Render each context to its end and keep what it plays.
const finishContexts = async () => {
  for (const [context, rendering] of contexts) {
    if (!rendering.isHeard || rendering.address) continue;
    await renderAudio();
    rendering.result ??= native.startAudio.call(context);
    native.resumeAudio.call(context).catch(() => {});
    const buffer = await rendering.result;
    rendering.address = `blob:audio-context-${kept.size}`;
    const isSilent = [...Array(buffer.numberOfChannels).keys()].every((n) => !buffer.getChannelData(n).some(Boolean));
    if (!isSilent) kept.set(rendering.address, bufferFile(buffer));
  }
};
const contextSounds = () =>
  [...contexts.values()].filter(({ address }) => kept.has(address)).flatMap((rendering) =>
    rendering.segments.filter((segment) => segment.playing).map((segment) => ({
      source: rendering.address,
      start: segment.from / 1000,
      trim: segment.position,
      duration: Number.isFinite(segment.until) ? (segment.until - segment.from) / 1000 : null,
      rate: 1,
      loop: false,
      loopStart: 0,
      length: null,
      preservesPitch: true,
      fadeIn: 0,
      fadeOut: 0,
      volumes: [],
    })),
  );
