// What media elements are heard playing over the timeline.

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
  return { sounds: pastSounds, kept };
};
const leaveChild = (child) => {
  knownChildren.delete(child);
  const past = child.retireMedia(clock);
  pastSounds.push(...past.sounds);
  for (const [address, object] of past.kept) kept.set(address, object);
};
const noteChildren = () => {
  const present = children();
  for (const child of knownChildren) if (!present.includes(child)) leaveChild(child);
  for (const child of present) knownChildren.add(child);
};
// What has been heard so far; `final` if nothing comes after it.
const sounds = async (final) => {
  if (dialect.sounds) return dialect.sounds();
  findMedia();
  if (final) await finishContexts();
  const inner = await Promise.all([...knownChildren].map((child) => child.sounds(final)));
  return [...pastSounds, ...ownSounds(), ...contextSounds(), ...inner.flat()];
};
// Whether the page has anything that can sound, and whether it changes with each frame by scripts.
const soundState = () => {
  if (dialect.soundState) return dialect.soundState();
  noteChildren();
  const inner = [...knownChildren].map((child) => child.soundState());
  const heard = [...contexts.values()].filter((rendering) => rendering.isHeard);
  return {
    canSound: media.size + pastSounds.length + heard.length > 0 || inner.some((state) => state.canSound),
    moves: callbacks.size + heard.length > 0 || isDriven() || inner.some((state) => state.moves),
    renders: heard.length > 0 || inner.some((state) => state.renders),
  };
};
