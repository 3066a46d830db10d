// `requestAnimationFrame`: called once for each frame that is visited.

let callbacks = new Map(); // id -> { callback, age }
let lastCallback = 0;
// Frames in a row for which callbacks have been asked for, each by the one before: what a callback or
// a promise of it asks for is one older than that callback, all else is new.
let callbackAge = 0;
let drawn = Promise.resolve(); // resolves when the browser has run this frame's callbacks

window.requestAnimationFrame = (callback) => {
  callbacks.set(++lastCallback, { callback, age: callbackAge });
  return lastCallback;
};
window.cancelAnimationFrame = (id) => void callbacks.delete(id);

const runCallbacks = () => {
  const due = callbacks;
  callbacks = new Map();
  callbackAge = 0;
  for (const [id, { callback, age }] of due) {
    callbackAge = Math.max(callbackAge, age + 1);
    // A callback may cancel one that comes after it.
    if (due.has(id)) guarded(callback, clock);
  }
};
// Callbacks that were set off a few frames ago lead somewhere (a class that is added in the next frame
// but one, say); older ones are taken for a loop that draws what the time says.
const LOOP_AGE = 4;
const hasNewCallbacks = () => [...callbacks.values()].some(({ age }) => age < LOOP_AGE);
let runFrame = () => {};
let undrawn = 0; // draws of this frame in which the browser skipped the page
let armed = 0; // real time of this frame's first draw, in ms
let drawnByBrowser = false;
let isNeverDrawn = false;
const armFrame = () => {
  [undrawn, armed, drawnByBrowser] = [0, native.now(), false];
  drawn = new Promise((resolve) => {
    runFrame = () => {
      runFrame = () => {};
      tellPictures();
      reseed("frame", frame);
      runCallbacks();
      resolve();
    };
    // The browser leaves out documents that can't be seen; `settle` makes up for it.
    const onDraw = () => {
      drawnByBrowser = true;
      // Callbacks may draw videos.
      if (videosStillUnpictured().length) native.requestAnimationFrame(onDraw);
      else runFrame();
    };
    native.requestAnimationFrame(onDraw);
  });
};
// Whether the page has to be drawn once more, for the browser left it out: on a busy machine, its compositor
// learns late that the page waits for a draw. Frames that can't be seen are always left out, so the outermost
// alone is looked at.
const wasLeftOut = async () => {
  if (window !== window.top || drawnByBrowser || isNeverDrawn) return false;
  isNeverDrawn = native.now() - armed > config.settleTimeout;
  await sleep(Math.min(undrawn++, 20));
  return !isNeverDrawn;
};
