// What the renderer calls: `advance` and `settle` for each frame.

// Poll with growing pauses until there are no blockers or the time limit is over; returns those that are left.
const untilReady = async (blockers) => {
  const deadline = native.now() + (gaveUp || dialect.gaveUp ? 0 : config.settleTimeout);
  let names = blockers();
  for (let pause = 0; names.length && native.now() < deadline; pause = Math.min(pause + 1, 20)) {
    await sleep(pause);
    names = blockers();
  }
  return names;
};

const UNDRAWN = {
  waiting: [],
  picturing: [],
  unplayable: [],
  moved: false,
  pending: true,
  hidden: false,
  transitioning: false,
  leftOut: false,
  resting: false,
  still: false,
};
// What a child answers; UNDRAWN if its document is replaced meanwhile, since no answer comes then.
const whileThere = (child, answer) => {
  let answered = false;
  const gone = async () => {
    while (!answered && children().includes(child)) await sleep(10);
    return UNDRAWN;
  };
  return Promise.race([answer.finally(() => (answered = true)), gone()]);
};

let begun = null; // what comes before the first frame
const beginAll = async () => {
  await dialect.begin?.();
  showCanvasAlone();
};
const advance = async (toFrame, toClock) => {
  unflattenTransforms();
  adopt();
  observeAnew();
  flatten();
  if (loaded) beginStyles();
  findMedia();
  await (begun ??= beginAll());
  dialect.leaveFrame?.();
  await runTimers(toClock);
  frame = toFrame;
  clock = Math.max(clock, toClock);
  reseed("frame", frame);
  driveLibraries();
  seekSvgs();
  moveAnimations();
  dialect.placeAnimations?.();
  frameClock = clock;
  seekScrolls();
  seekMedia();
  await changeImages(moveImages);
  await Promise.all(children().map((child) => whileThere(child, child.advance(toFrame, toClock))));
  // A document that loads isn't drawn, and animation callbacks may draw videos.
  await untilReady(() => [...loading(), ...videosWaiting(), ...playbackWaiting()]);
  armFrame();
};

// Videos that wait for being drawn, once they have been moved.
const stillPicturing = async () => {
  if (!videosUnpictured().length) return [];
  await untilReady(videosWaiting);
  const names = videosStillUnpictured();
  await untilReady(videosWaiting); // those that were moved: the next draw tells of their pictures
  return names;
};
const settle = async (toFrame, toClock, isDrawn, isFresh) => {
  unflattenTransforms();
  adopt();
  if (frame !== toFrame) {
    // A document that came while the frame was being made.
    await advance(toFrame, toClock);
    return UNDRAWN;
  }
  if (isDrawn && !transitions.size && !updating.size && (await wasLeftOut())) return { ...UNDRAWN, leftOut: true };
  if (isDrawn) {
    const picturing = await stillPicturing();
    if (picturing.length) return { ...UNDRAWN, picturing };
    runFrame();
  }
  await drawn;
  tellPictures();
  const told = [tellIntersections(), tellSizes()].includes(true);
  await hop();
  callbackAge = 0;
  await runWorkerFrames();
  await runTimers(clock);
  seekSvgs();
  moveBars();
  blinkCaret();
  await findImages();
  findMedia(true);
  const state = stable();
  for (let i = 0; i < 4; i++) await hop();
  const names = await untilReady(() => {
    if (!state.done) state.help();
    return [...waiting(), ...(state.done ? [] : ["waitUntilStable"])];
  });
  findMedia(true); // what has come meanwhile may have changed them
  hideControls();
  const shown = animations(); // asking also lets changed styles load what they name
  const begun = noteAnimations(shown);
  const inner = await Promise.all(
    children().map((child) => whileThere(child, child.settle(toFrame, toClock, true, isFresh))),
  );
  // The events of an animation that began since the frame was drawn come with another draw.
  const pending = decoding() || begun || told || samplesScroll(shown) || inner.some((i) => i.pending);
  if (pending && !isDrawn) await new Promise(native.requestAnimationFrame);
  if (!pending) flattenTransforms(shown); // else scripts come first
  noteInherited(shown);
  if (isFresh ?? mayChainTransitions()) forgetGroups();
  else drawnUnasked();
  tellOverAtOnce();
  isSettled = !pending;
  const resting = !callbacks.size && !bases.size && !media.size && !scrolls.size;
  return {
    waiting: [...names, ...inner.flatMap((i) => i.waiting)],
    picturing: [...videosUnpictured(), ...inner.flatMap((i) => i.picturing)],
    unplayable: [...unplayable(), ...inner.flatMap((i) => i.unplayable)],
    moved: [videosMoved(), handsCanvases, ...inner.map((i) => i.moved)].includes(true),
    pending,
    hidden: hidesRoots() || inner.some((i) => i.hidden),
    transitioning: transitions.size > 0 || inner.some((i) => i.transitioning),
    leftOut: false,
    // Nothing is under way that would change the next frame: it will likely look the same.
    resting: resting && inner.every((i) => i.resting),
    // It will look the same for sure, until the next event.
    still: resting && !isDriven() && !working().length && inner.every((i) => i.still),
  };
};

// Begin anew with a document: the window of an inner frame outlives its first, empty one.
let owner = null;
const adopt = () => {
  if (owner === document) return;
  owner = document;
  frame = -1;
  loaded = true;
  retireMedia();
  retired = false;
  roots.clear();
  roots.add(document);
  document.addEventListener("DOMContentLoaded", () => findDeclaredRoots(document));
  hideNativeEvents(document);
  flatten();
};
adopt();

const runtime = {
  adopt,
  independent: !parentRuntime(),
  clock: () => clock,
  advance,
  settle,
  frameTimes,
  blobAt,
  objectAt,
  nextEvent,
  hasLayers,
  drawLine,
  connect: connectOutermost,
  answerNetwork,
  sounds,
  soundState,
  retireMedia,
  declared,
  support,
  compositions: () => dialect.compositions?.() ?? null,
  addRoot,
  handOnPictures: () => {
    handOnPictures();
    for (const child of children()) child.handOnPictures();
  },
  forgetGroups: () => {
    forgetGroups();
    for (const child of children()) child.forgetGroups();
  },
};
Object.defineProperty(window, KEY, { value: runtime });
if (!parentRuntime() || config.props) window.__HELIOS_PROPS__ = config.props;
