// Workers that this page, or this worker, has started: their clocks follow its own.
//
// The renderer evaluates `worker_main.js` in a worker before its script, and the worker's name tells it
// where time stands. From then on a worker is told how far to run. Messages stay in their order, so
// that by its answer all has been handled that was sent to it before, and all has come that it sent.

const workers = new Map(); // worker -> how it stands
let workersStarted = 0;
let workerMessages = 0; // that came from workers

const isControl = (event) => typeof event.data === "object" && event.data !== null && KEY in event.data;
const startWorker = (worker, url, isShared) => {
  const state = { url: String(url), isShared, next: Infinity, isAnimated: false, isLate: false, answer: null };
  const gone = () => {
    workers.delete(worker);
    state.answer?.({ handled: 0 });
  };
  workers.set(worker, state);
  native.listen.call(worker, "message", (event) => {
    if (!isControl(event)) return void workerMessages++;
    event.stopImmediatePropagation();
    const { next, isAnimated, isClosed } = event.data[KEY];
    if (isClosed) return gone();
    Object.assign(state, { next, isAnimated, isLate: false });
    state.answer?.(event.data[KEY]);
  });
  // Where a script can't be loaded, the worker never answers.
  native.listen.call(worker, "error", (event) => event instanceof ErrorEvent || gone());
  return gone;
};
if (globalThis.Worker) {
  const terminate = Worker.prototype.terminate;
  const gone = new WeakMap();
  Worker.prototype.terminate = function () {
    gone.get(this)?.();
    terminate.call(this);
  };
  globalThis.Worker = new Proxy(Worker, {
    construct(target, [url, options, ...rest], newTarget) {
      const start = {
        name: String(options?.name ?? ""),
        clock,
        seed: `${config.seed}/${++workersStarted}`,
        isShared: options?.[KEY] === "shared",
      };
      const named = { ...options, name: JSON.stringify({ [KEY]: start }) };
      const worker = Reflect.construct(target, [url, named, ...rest], newTarget);
      gone.set(worker, startWorker(worker, url, start.isShared));
      return worker;
    },
  });
  Worker.prototype.constructor = globalThis.Worker;
}
const DrivenWorker = globalThis.Worker;
const { postMessage } = DrivenWorker?.prototype ?? {};

// Messages of ports need not come in the order of those to the worker itself: these are given more time.
const quietRounds = () => ([...workers.values()].some((state) => state.isShared) ? 3 : 1);
const inTime = async (work) => {
  let timer;
  const late = new Promise((resolve) => (timer = native.setTimeout(resolve, config.settleTimeout)));
  const result = await Promise.race([work, late]);
  native.clearTimeout(timer);
  return result;
};
// Let workers run until the clock, and again while messages come and go: they may set timers.
const runWorkers = async (order = {}) => {
  for (let round = 0, quiet = 0; workers.size && round < 1000; round++) {
    const before = workerMessages;
    const runs = [...workers].map(([worker, state]) => {
      const answered = new Promise((resolve) => (state.answer = resolve));
      state.isLate = true; // until it answers
      postMessage.call(worker, { [KEY]: { until: clock, ...order } });
      return answered;
    });
    const answers = await inTime(Promise.all(runs));
    await hop();
    if (!answers) return;
    order = {};
    quiet = workerMessages === before && answers.every((answer) => !answer.handled) ? quiet + 1 : 0;
    if (quiet >= quietRounds()) return;
  }
};
const nextWorkerTimer = () => Math.min(Infinity, ...[...workers.values()].map((state) => state.next));
// Animation callbacks of workers are called once a frame.
let framedWorkers = -1;
const runWorkerFrames = async () => {
  if (framedWorkers === frame) return runWorkers();
  framedWorkers = frame;
  return runWorkers({ frame });
};
const workersWaiting = () => [...workers.values()].filter((state) => state.isLate).map((state) => `worker ${state.url}`);
const workersAnimated = () => [...workers.values()].some((state) => state.isAnimated);
