// What media elements are heard playing over the timeline.

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

const sounds = () => {
  findMedia();
  const own = [];
  for (const [element, track] of media) {
    if (!element.muted && (element.currentSrc || element.src)) own.push(...soundOf(element, track));
  }
  return [...own, ...children().flatMap((child) => child.sounds())];
};
