// What a bundle plays: it tells the sound of a frame when it is asked, once.

const played = new Map(); // id -> what is played, frame by frame: [[frame, asset]]
let nextPlayed = 0; // the first frame whose sound isn't known yet
let hasGaps = false;
const leftOut = new Set(); // what the page asks for and doesn't get

const collectSound = () => {
  if (frame < 0 || !window.remotion_collectAssets) return;
  hasGaps ||= frame > nextPlayed;
  nextPlayed = Math.max(nextPlayed, frame + 1);
  for (const asset of window.remotion_collectAssets()) {
    if (asset.audioStreamIndex) leftOut.add("other streams of a file than the first (audioStreamIndex)");
    if (asset.type === "artifact") leftOut.add("files that it emits (<Artifact>)");
    else if (played.has(asset.id)) played.get(asset.id).push([frame, asset]);
    else played.set(asset.id, [[frame, asset]]);
  }
};

const secondsAt = (number) => (number * config.frameDuration) / 1000;
// A track is what an id plays in frames on end.
const runsOf = (entries) => {
  const runs = [];
  for (const entry of entries) {
    const last = runs.at(-1)?.at(-1);
    if (last?.[0] === entry[0]) continue;
    if (last?.[0] === entry[0] - 1) runs.at(-1).push(entry);
    else runs.push([entry]);
  }
  return runs;
};
const soundOf = (run, own) => ({
  start: secondsAt(run[0][0]),
  trim: 0,
  duration: secondsAt(run.length),
  rate: 1,
  fadeIn: 0,
  fadeOut: 0,
  loop: false,
  loopStart: 0,
  length: null,
  preservesPitch: true,
  pitch: run[0][1].toneFrequency ?? 1,
  volumes: [],
  ...own,
});
const mediaSound = (run, rate) => {
  const [first, { src, playbackRate = 1, mediaFrame, audioStartFrame = 0 }] = run[0];
  const changes = run.filter(([, { volume }], place) => volume !== run[place - 1]?.[1].volume);
  return soundOf(run, {
    source: src,
    trim: (audioStartFrame + (mediaFrame - audioStartFrame) * playbackRate) / rate,
    rate: playbackRate,
    // A frame's volume is that of its middle.
    volumes: changes.map(([at, { volume }]) => [secondsAt(Math.max(first, at - 0.5)), volume, false]),
  });
};

// Samples that the page makes itself: 16 bits, two channels, each frame's at its place.
const inlineSound = (id, entries) => {
  const first = entries[0][0];
  const placed = entries.map(([at, { audio }]) => [
    Math.floor(secondsAt(at - first) * window.remotion_sampleRate + 1e-5) * 2,
    new Int16Array(audio),
  ]);
  const source = `blob:remotion-${id}`;
  // Not by arguments, of which a long video would have too many.
  const length = placed.reduce((longest, [at, part]) => Math.max(longest, at + part.length), 0);
  const samples = new Int16Array(length);
  for (const [at, part] of placed) samples.set(part, at);
  kept.set(source, waveFile(samples, window.remotion_sampleRate, 2));
  return soundOf(entries, { source, duration: null });
};

const bundleSounds = (rate) => {
  collectSound();
  return [...played].flatMap(([id, entries]) =>
    entries[0][1].type === "inline-audio"
      ? [inlineSound(id, entries)]
      : runsOf(entries).map((run) => mediaSound(run, rate)),
  );
};
