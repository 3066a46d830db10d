// What media elements are heard playing over the timeline.

// Objects behind `blob:` addresses; those that an element has played are kept.
const objects = new Map();
const played = new Map();
let revoked = [];
const keepObject = (address) => {
  if (!played.has(address) && objects.has(address)) played.set(address, objects.get(address));
};
// Not at once: an element may have been given the address by an attribute just before.
const forgetRevoked = () => {
  for (const address of revoked) objects.delete(address);
  revoked = [];
};
URL.createObjectURL = new Proxy(URL.createObjectURL, {
  apply: (create, target, args) => {
    const address = Reflect.apply(create, target, args);
    objects.set(address, args[0]);
    return address;
  },
});
URL.revokeObjectURL = new Proxy(URL.revokeObjectURL, {
  apply: (revoke, target, args) => {
    revoked.push(String(args[0]));
    return Reflect.apply(revoke, target, args);
  },
});
// The Blob that an element has played from an address; undefined if there is none.
const playedBlob = (address) => {
  const object = played.get(address) ?? objects.get(address);
  if (object instanceof Blob) return object;
  return [...knownChildren].map((child) => child.playedBlob(address)).find(Boolean);
};
// Whether scripts or devices feed an element piece by piece: it may never get any of it.
const isFed = (element) => element.srcObject || (window.MediaSource && objects.get(element.src) instanceof MediaSource);
// Bytes of such a Blob in Base64; null if there is none.
const blobPart = (address, from, to) =>
  new Promise((resolve) => {
    const blob = playedBlob(address);
    if (!blob) return resolve(null);
    const reader = new FileReader();
    native.listen.call(reader, "loadend", () => resolve(reader.result?.split(",")[1] ?? null));
    reader.readAsDataURL(blob.slice(from, to));
  });

// The volume as points of a line: [seconds, volume, whether it goes there in a straight line].
// What scripts set in each of several frames on end is a tween; all else jumps.
const volumePoints = (levels) => {
  const points = [];
  levels.forEach((entry, number) => {
    const [before, after] = [levels[number - 1], levels[number + 1]];
    const isOne = entry.frame !== null && before && entry.before?.frame === entry.frame - 1;
    const isTween = isOne && (before.frame === entry.frame - 1 || after?.frame === entry.frame + 1);
    if (isTween && before.clock < entry.before.clock) points.push([entry.before.clock / 1000, before.level, false]);
    points.push([entry.clock / 1000, entry.level, isTween]);
  });
  return points;
};

const soundsOf = (element, track) => {
  const common = {
    fadeIn: number(element, "data-helios-fade-in") ?? 0,
    fadeOut: number(element, "data-helios-fade-out") ?? 0,
    volumes: volumePoints(track.levels),
    // A video begins again when its picture does, however long its sound is.
    length: element instanceof HTMLVideoElement && Number.isFinite(element.duration) ? element.duration : null,
  };
  const found = [];
  track.segments.forEach((segment, number) => {
    const stands = segment.rate === 0 && !element.hasAttribute("data-helios-rate");
    if (!segment.playing || !segment.source || stands) return;
    const { source, position, rate, loop, loopStart, preservesPitch, continues } = segment;
    found.push({
      ...common,
      source,
      start: segment.from / 1000,
      trim: position,
      duration: Number.isFinite(segment.until) ? (segment.until - segment.from) / 1000 : null,
      rate,
      loop,
      loopStart: Math.min(loopStart, position),
      preservesPitch,
      fadeIn: continues ? 0 : common.fadeIn,
      fadeOut: track.segments[number + 1]?.continues ? 0 : common.fadeOut,
    });
  });
  return found;
};

// What documents were heard playing that have been replaced, or whose frame has been removed.
const pastSounds = [];
const knownChildren = new Set();
const ownSounds = () =>
  [...media].flatMap(([element, track]) => (track.unmuted && !routes.has(element) ? soundsOf(element, track) : []));
// End all that plays; a document that has no frame any more can't be asked later.
const retireMedia = (at = clock) => {
  clock = Math.max(clock, at);
  for (const [element, track] of media) {
    beginSegment(track, { playing: false, position: playTime(element) });
    timers.delete(track.key);
  }
  pastSounds.push(...ownSounds());
  media.clear();
  retired = true;
  for (const child of knownChildren) leaveChild(child);
  return { sounds: pastSounds, played };
};
const leaveChild = (child) => {
  knownChildren.delete(child);
  const past = child.retireMedia(clock);
  pastSounds.push(...past.sounds);
  for (const [address, object] of past.played) played.set(address, object);
};
const noteChildren = () => {
  const present = children();
  for (const child of knownChildren) if (!present.includes(child)) leaveChild(child);
  for (const child of present) knownChildren.add(child);
};
// What has been heard so far; `final` if nothing comes after it.
const sounds = async (final) => {
  findMedia();
  if (final) await finishContexts();
  const inner = await Promise.all([...knownChildren].map((child) => child.sounds(final)));
  return [...pastSounds, ...ownSounds(), ...contextSounds(), ...inner.flat()];
};
// Whether the page has anything that can sound, and whether it changes with each frame by scripts.
const soundState = () => {
  noteChildren();
  const inner = [...knownChildren].map((child) => child.soundState());
  const heard = [...contexts.values()].filter((rendering) => rendering.isHeard);
  return {
    canSound: media.size + pastSounds.length + heard.length > 0 || inner.some((state) => state.canSound),
    moves: callbacks.size + heard.length > 0 || isDriven() || inner.some((state) => state.moves),
    renders: heard.length > 0 || inner.some((state) => state.renders),
  };
};
