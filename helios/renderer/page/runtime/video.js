// Pictures of video elements: seeking them to the frame, and waiting for what they show.

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
const seekVideo = (element) => {
  if (element.error || element.readyState < 1) return; // without metadata there is nothing to seek in
  const track = trackOf(element);
  // A quarter of a millisecond keeps rounding from showing the source frame before.
  const last = Math.max(element.duration - 1e-3, 0);
  const target = Math.min(playTime(element) + 2.5e-4, last);
  if (track.shown === target && !element.seeking) return;
  track.shown = target;
  const seeked = whenSeeked(element);
  seekTo(element, target);
  track.seeking = seeked.then(() => (track.seeking = null));
};
const placeVideo = (element) => {
  const track = trackOf(element);
  // What the page itself placed stays; `waiting` waits while it seeks.
  if (track.scripted && !track.playing) track.shown = undefined;
  else seekVideo(element);
};
const videosWaiting = () => {
  const names = [];
  for (const [element, track] of media) {
    if (!(element instanceof HTMLVideoElement) || element.error || !(element.currentSrc || element.src)) continue;
    if (track.seeking || element.seeking || element.readyState < 2) names.push(`video ${element.currentSrc}`);
    if (element.readyState >= 1 && track.shown === undefined && !element.seeking) placeVideo(element);
  }
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
