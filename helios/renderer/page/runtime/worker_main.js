// Virtual time in a worker: its clock goes as far as the one that started it says.

native.listen.call(globalThis, "message", async (event) => {
  if (!isControl(event)) return void handled++;
  event.stopImmediatePropagation();
  const { until, frame: shown, connect: port } = event.data[KEY];
  if (port) {
    native.listen.call(port, "message", () => void handled++);
    return void globalThis.dispatchEvent(new MessageEvent("connect", { data: "", ports: [port], source: port }));
  }
  await workFinished();
  const before = clock;
  await runTimers(until);
  // What messages of this time ask for doesn't depend on how many came before.
  if (clock > before) reseed("clock", clock);
  if (shown !== undefined) {
    frame = shown;
    reseed("frame", frame);
    const due = callbacks;
    callbacks = new Map();
    for (const [id, callback] of due) if (due.has(id)) guarded(callback, clock);
    await hop();
  }
  await workFinished();
  const answer = { next: nextTime(), isAnimated: callbacks.size > 0 || workersAnimated(), handled };
  handled = 0;
  native.postMessage({ [KEY]: answer });
});
const { close } = globalThis;
globalThis.close = () => {
  native.postMessage({ [KEY]: { isClosed: true } });
  close();
};

let handled = 0;
let callbacks = new Map();
let lastCallback = 0;
if (globalThis.requestAnimationFrame) {
  globalThis.requestAnimationFrame = (callback) => {
    callbacks.set(++lastCallback, callback);
    return lastCallback;
  };
  globalThis.cancelAnimationFrame = (id) => void callbacks.delete(id);
}
Object.defineProperty(WorkerNavigator.prototype, "language", { get: () => config.locale });
Object.defineProperty(WorkerNavigator.prototype, "languages", { get: () => [config.locale] });

// A shared worker has no messages of its own: it is handed a port for each connection.
if (start.isShared) {
  globalThis.postMessage = undefined;
  let onconnect = null;
  Object.defineProperty(globalThis, "onconnect", {
    get: () => onconnect,
    set(handler) {
      globalThis.removeEventListener("connect", onconnect);
      onconnect = typeof handler === "function" ? handler : null;
      globalThis.addEventListener("connect", onconnect);
    },
  });
}
