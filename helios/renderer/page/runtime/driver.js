// What the renderer calls: `advance` and `settle` for each frame.

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

const advance = async (toFrame, toClock) => {
  adopt();
  flatten();
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

const settle = async (toFrame, toClock, isDrawn, isFresh) => {
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
    children().map((child) => whileThere(child, child.settle(toFrame, toClock, true, isFresh))),
  );
  // An animation that began since the frame was drawn gets its start time by drawing it again.
  const pending =
    decoding() || shown.some((animation) => animation.pending) || inner.some((i) => i.pending);
  if (pending && !isDrawn) await new Promise(native.requestAnimationFrame);
  if (isFresh) forgetGroups();
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
  forgetGroups: () => {
    forgetGroups();
    for (const child of children()) child.forgetGroups();
  },
  addRoot: (root) => void roots.add(root),
};
Object.defineProperty(window, KEY, { value: runtime });
if (!parentRuntime() || config.props) window.__HELIOS_PROPS__ = config.props;
