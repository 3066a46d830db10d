// What a frame waits for before its picture is taken.

const loading = () => (document.readyState === "complete" ? [] : [`document ${location.href}`]);
const waiting = () => {
  const names = [...loading(), ...videosWaiting(), ...playbackWaiting(), ...working(), ...workersWaiting()];
  for (const root of roots) {
    for (const image of root.querySelectorAll("img")) {
      if (image.loading === "lazy") image.loading = "eager";
      if (!image.complete) names.push(`image ${image.currentSrc || image.src}`);
    }
  }
  names.push(...(dialect.waiting?.(!names.length) ?? []));
  return [...new Set(names)];
};
const unplayable = () =>
  [...media.keys()].filter((element) => element.error || isBlind(element)).map((element) => element.currentSrc || element.src);

// Let what the page waits for happen at once: the next of the timers and all callbacks from these ids on.
const passTime = (firstTimer, firstCallback) => {
  const own = [...timers].filter(([id]) => id >= firstTimer).sort(([, a], [, b]) => a.due - b.due || a.order - b.order);
  if (own.length) fire(own[0][0]);
  for (const [id, { callback }] of [...callbacks]) {
    if (id >= firstCallback && callbacks.delete(id)) guarded(callback, clock);
  }
};

// `waitUntilStable` may use timers and animation frames of its own, and no time passes while it
// runs: what was asked for since it began is due at once.
const stable = () => {
  const [firstTimer, firstCallback] = dialect.askedSince?.() ?? [lastTimer + 1, lastCallback + 1];
  const offers = [window.helios, window.__hf, dialect].filter((offer) => typeof offer?.waitUntilStable === "function");
  const state = { done: offers.length === 0 };
  Promise.all(offers.map((offer) => guarded(() => offer.waitUntilStable())))
    .catch(native.reportError)
    .finally(() => (state.done = true));
  state.help = () => passTime(firstTimer, firstCallback);
  return state;
};
const children = () => {
  const found = [];
  for (let i = 0; i < window.length; i++) {
    try {
      if (window[i][KEY]) found.push(window[i][KEY]);
    } catch {
      // another origin
    }
  }
  return found;
};
