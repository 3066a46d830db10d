// Pictures of video elements: each is moved to the frame of its file that its time belongs to, and
// a frame of the page waits until the browser has that picture for drawing.
//
// The driver lists a file's frames with their times. A video is moved into the span of one of them,
// never to its edge, so neither rounding nor the browser's guesses at durations matter, and the
// time of the picture that the browser then presents tells whether it is the right one.

const UNLISTED = { stamps: null, slack: 0 }; // a file whose frames the driver can't list
// address -> { stamps, begins, slack } in microseconds: when each frame is shown as the file has it,
// and before its container rounded that; null while it is read.
const files = new Map();
const fileAt = (address) => {
  if (!files.has(address)) {
    files.set(address, native.askFrameTimes ? null : UNLISTED);
    native.askFrameTimes?.(address);
  }
  return files.get(address);
};
const frameTimes = (address, found) => void files.set(address, found ?? UNLISTED);

const views = new WeakMap(); // video element -> what it shows
const viewOf = (element) => {
  let view = views.get(element);
  if (view) return view;
  view = {
    address: "", // of the file that the rest is about
    goal: null, // the frame that it is to show
    place: 0, // microseconds that it is to be moved to for it
    sought: null, // and that it was moved to last
    low: 0, high: 0, // bounds of the places that may show the goal
    tries: 0,
    shown: null, // microseconds of the picture that was presented last, since the last seek
    looks: 0, // at what is presented, since the last seek
    isThere: false, // the goal is presented
    isNew: false, // and the page's callbacks don't know yet
    isChanged: false, // and wasn't drawn yet
    isSeen: false,
    callbacks: new Map(),
  };
  views.set(element, view);
  const follow = () =>
    native.onPicture.call(element, (_, { mediaTime }) => {
      follow();
      view.shown = Math.round(mediaTime * 1e6);
    });
  follow();
  element.addEventListener("emptied", () => Object.assign(view, { address: "", goal: null, sought: null }));
  return view;
};

// The last frame that has begun. One that begins within the rounding of its time stamp has.
const frameOf = (element, file, seconds) => {
  const end = Number.isFinite(element.duration) ? element.duration * 1e6 : Infinity;
  if (!file.stamps) return { first: seconds * 1e6, isListed: false };
  const time = seconds * 1e6 + file.slack + 1;
  let [low, high] = [0, file.begins.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (file.begins[middle] <= time) low = middle;
    else high = middle;
  }
  const [first, begin] = [file.stamps[low], file.begins[low]];
  const next = file.stamps[low + 1] ?? Math.max(first + 2e3, Math.min(end, first + 1e6));
  return { first, begin, next, isListed: true };
};
const seek = (element, view) => {
  const end = Number.isFinite(element.duration) ? element.duration * 1e6 - 1e3 : Infinity;
  let place = Math.round(Math.min(view.place, Math.max(end, view.goal.first, 0)));
  // The browser presents nothing when it is moved to where it stands.
  const stands = [view.sought, Math.round(native.currentTime.get.call(element) * 1e6)];
  const step = place < end ? 1 : -1;
  while (stands.includes(place)) place += step;
  Object.assign(view, { sought: place, shown: null, looks: 0, isThere: false });
  native.currentTime.set.call(element, place / 1e6);
};
// Which cues of its text tracks are active at a time: the browser shows those of where it stands.
const cuesAt = (element, time) =>
  liveTracks(element)
    .map(({ cues }) => [...cues].map((cue) => Number(cue.startTime <= time + 1e-5 && time + 1e-5 < cue.endTime)).join(""))
    .join();
const placeVideo = (element) => {
  const view = viewOf(element);
  if (element.error || element.readyState < 1) return; // without metadata there is nothing to seek in
  view.address = element.currentSrc;
  const file = fileAt(view.address);
  if (!file || !element.videoWidth || file.stamps?.length === 0) return;
  const time = playTime(element);
  const goal = frameOf(element, file, time);
  const cues = cuesAt(element, time);
  if (view.goal?.first === goal.first && cuesAt(element, view.sought / 1e6) === cues) return;
  const span = goal.next - goal.first; // not a number if the frame isn't listed
  // Unlisted, a quarter of a millisecond keeps rounding from showing the frame before.
  let place = goal.isListed ? goal.first + 0.75 * span : goal.first + 250;
  if (goal.isListed && cuesAt(element, place / 1e6) !== cues) {
    place = Math.min(Math.max(time * 1e6 + 10, goal.first + 10), goal.next - 10);
  }
  Object.assign(view, { goal, place, low: goal.first, high: goal.next + span, tries: 0 });
  seek(element, view);
};
const seekTo = (element, time) => {
  const isVideo = element instanceof HTMLVideoElement;
  if (isVideo) viewOf(element).goal = null;
  if (isVideo && element.readyState >= 1) placeVideo(element);
  else native.currentTime.set.call(element, time);
};

const videos = () => [...media.keys()].filter((element) => element instanceof HTMLVideoElement);
const playable = (element) => !element.error && (element.currentSrc || element.src);
const nameOf = (element) => `video ${element.currentSrc || element.src}`;
// Videos that are loading or being moved.
const videosWaiting = () => {
  const names = [];
  for (const element of videos().filter(playable)) {
    if (viewOf(element).goal === null) placeVideo(element);
    const isListing = element.readyState >= 1 && fileAt(element.currentSrc) === null;
    if (element.seeking || element.readyState < 2 || isListing) names.push(nameOf(element));
  }
  return names;
};

// A file with pictures of which the browser plays the sound alone.
const isBlind = (element) =>
  element instanceof HTMLVideoElement &&
  element.readyState >= 1 &&
  !element.videoWidth &&
  files.get(element.currentSrc)?.stamps?.length > 0;

// Where the browser takes durations of frames for longer or shorter than they are, a place within
// the frame's span may show one beside it: the place is then looked for by halves.
const MOST_TRIES = 10;
const searchOn = (element, view) => {
  if (view.shown < view.goal.first) view.low = view.place;
  else view.high = view.place;
  if (++view.tries > MOST_TRIES) {
    // Never shown: a packet that holds no picture of its own.
    const { stamps, begins } = files.get(view.address);
    const number = stamps.indexOf(view.goal.first);
    if (stamps.length > 1) for (const list of [stamps, begins]) list.splice(number, 1);
    else files.set(view.address, UNLISTED);
    view.goal = null;
    placeVideo(element);
    return;
  }
  view.place = (view.low + view.high) / 2;
  seek(element, view);
};
const isPictured = (element) => {
  const view = viewOf(element);
  if (view.goal === null || view.isThere) return true;
  if (element.seeking || view.shown === null) return false;
  const isGoal = !view.goal.isListed || Math.abs(view.shown - view.goal.first) <= 1;
  if (isGoal) Object.assign(view, { isThere: true, isNew: true, isChanged: true });
  return isGoal;
};
const unpictured = () => videos().filter((element) => playable(element) && !isPictured(element));
// Videos whose picture isn't presented yet; the browser tells while it draws.
const videosUnpictured = () => unpictured().map(nameOf);
// Look again, at least once for each draw. A wrong picture may still be that of the seek before, until after another
// draw; where the browser tells of no picture at all, the video is moved anew.
const LOOKS_BEFORE_SEARCH = 2;
const LOOKS_BEFORE_SEEK = 20;
const videosStillUnpictured = () => {
  for (const element of unpictured().filter((each) => !each.seeking)) {
    const view = viewOf(element);
    view.looks++;
    if (view.shown !== null && view.looks > LOOKS_BEFORE_SEARCH) searchOn(element, view);
    else if (view.looks > LOOKS_BEFORE_SEEK) seek(element, view);
  }
  return videosUnpictured();
};
// The browser drops a picture that comes before the one before it was drawn (by a script that moves a video twice,
// say). A request for news of pictures makes it hand on for drawing the one that it has.
const handOnPictures = () => {
  for (const element of videos()) native.offPicture.call(element, native.onPicture.call(element, () => {}));
};

const isSeen = (element) => {
  const box = element.getBoundingClientRect();
  const inside = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  return inside && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
};
// Whether a video in sight shows another picture than when this was last asked. One that comes into
// sight does: while it was out of sight, the browser kept its picture from the screen.
const videosMoved = () => {
  let moved = false;
  for (const element of videos()) {
    const [view, seen] = [viewOf(element), isSeen(element)];
    moved ||= seen && (view.isChanged || !view.isSeen);
    [view.isChanged, view.isSeen] = [false, seen];
  }
  return moved;
};

// `requestVideoFrameCallback`: called in each visited frame that shows another picture, with the
// time of the first frame that shows it, so that it doesn't matter which frames are visited.
const firstShown = (element, view) => {
  const { playing, rate } = segmentOf(trackOf(element));
  if (!view.goal.isListed || frame < 1 || !playing) return clock;
  const late = (playTime(element) * 1e6 + files.get(view.address).slack - view.goal.begin) / rate / 1e3;
  const period = clock / frame;
  return Math.min(Math.max(Math.ceil((clock - late) / period - 1e-3), 0), frame) * period;
};
const tellPictures = () => {
  for (const element of videos()) {
    const view = viewOf(element);
    if (!view.isNew) continue;
    view.isNew = false;
    const due = view.callbacks;
    if (!due.size) continue;
    view.callbacks = new Map();
    const now = firstShown(element, view);
    const metadata = {
      presentationTime: now,
      expectedDisplayTime: now,
      width: element.videoWidth,
      height: element.videoHeight,
      mediaTime: view.shown / 1e6,
      presentedFrames: frame < 1 ? 1 : Math.round((now * frame) / clock) + 1,
      processingDuration: 0,
    };
    reseed("picture", view.address, metadata.mediaTime);
    for (const [id, callback] of due) if (due.has(id)) guarded(callback, now, { ...metadata });
  }
};
HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
  trackOf(this);
  viewOf(this).callbacks.set(++lastCallback, callback);
  return lastCallback;
};
HTMLVideoElement.prototype.cancelVideoFrameCallback = function (id) {
  viewOf(this).callbacks.delete(id);
};
