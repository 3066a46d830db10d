// Media elements: their attributes as those that the renderer plays and mixes by.

const LOUDEST = 10 ** (12 / 20); // 12 dB
const setOnChange = (element, name, value) => {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
};
const isAudible = (element) => {
  if (element.hasAttribute("data-hidden") || !element.hasAttribute("src")) return false;
  if (element instanceof HTMLAudioElement) return true;
  const declared = element.dataset.hasAudio;
  return declared === "true" || (declared === undefined && !element.hasAttribute("muted"));
};
// Volumes of a lane, by seconds since the clip's start.
const volumeLane = (element) => {
  const lanes = parsed(element.dataset.automation, "data-automation")?.lanes ?? [];
  const points = lanes.find((lane) => lane?.target === "volume")?.points ?? [];
  return points.filter(({ t, v }) => Number.isFinite(t) && Number.isFinite(v)).sort((one, other) => one.t - other.t);
};
const laneAt = (points, time) => {
  const after = points.findIndex(({ t }) => t > time);
  if (after < 0) return points.at(-1).v;
  if (after === 0) return points[0].v;
  const [{ t, v }, next] = [points[after - 1], points[after]];
  return v + ((next.v - v) * (time - t)) / (next.t - t);
};
const playedElements = new WeakSet();
const beginMedia = (element) => {
  playedElements.add(element);
  element.muted = !isAudible(element);
  if (element instanceof HTMLAudioElement) element.loop = false;
  const volume = decimal(element.dataset.volume);
  if (volume === null) return;
  if (volume > 1) element.setAttribute("data-helios-volume", Math.min(volume, LOUDEST));
  else element.volume = Math.max(0, volume);
};
const ownMedia = () => [...(rootOf()?.ownerDocument.querySelectorAll("video, audio") ?? [])];
const placeAllMedia = (seconds) => {
  for (const element of ownMedia()) {
    if (!playedElements.has(element)) beginMedia(element);
    const start = startOf(element);
    const isCut = decimal(element.dataset.duration) > 0 || decimal(element.dataset.end) !== null;
    setOnChange(element, "data-helios-start", start);
    setOnChange(element, "data-helios-trim", offsetOfClip(element));
    setOnChange(element, "data-helios-duration", isCut ? endOf(element) - start : null);
    if (element.hasAttribute("data-playback-rate")) setOnChange(element, "data-helios-rate", rateOfClip(element));
    const lane = volumeLane(element);
    if (lane.length) element.volume = Math.min(1, Math.max(0, laneAt(lane, seconds - start)));
  }
};
const unknownMedia = () =>
  ownMedia().filter((element) => !element.error && element.readyState < 1 && element.networkState === HTMLMediaElement.NETWORK_LOADING);
