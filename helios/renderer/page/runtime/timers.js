// Timers on virtual time: `setTimeout`, `requestIdleCallback`, `scheduler`, `AbortSignal.timeout`.

const timers = new Map(); // id -> { due, rank, order, period, run, handler, nesting }
let lastTimer = 0;
let nesting = 0;

const startTimer = (run, wait, { period = null, rank = 0, handler = run } = {}) => {
  const id = ++lastTimer;
  timers.set(id, { due: clock + wait, rank, order: id, period, run, handler, nesting: nesting + 1 });
  if (wait === 0) native.setTimeout(() => timers.has(id) && timers.get(id).due <= clock && fire(id));
  return id;
};
const stopTimer = (id) => void timers.delete(Number(id));
// Give elements the style that they have before a timer changes it, so that transitions begin however
// soon the timer comes while the page loads. Without a sheet that is still loading they'd begin for it.
const styleBefore = () => {
  if (frame >= 0 || !globalThis.document) return;
  const sheets = [...document.querySelectorAll("link[rel~=stylesheet]")];
  if (sheets.every((link) => link.sheet || link.disabled)) document.getAnimations();
};
// A timer's random numbers go by its time, and its place among those of that time: how many timers were set
// before depends on which frames were left out.
let firedAt = null;
let place = 0;
const fire = (id) => {
  styleBefore();
  const timer = timers.get(id);
  if (timer.period === null) timers.delete(id);
  else timer.due += timer.period;
  [firedAt, place] = [clock, clock === firedAt ? place + 1 : 0];
  reseed("timer", place, clock);
  nesting = timer.nesting;
  guarded(timer.run);
  nesting = 0;
};
// Timers of one time run by their rank, then in the order in which they were set: ids grow.
const nextTimer = () => {
  let next = null;
  for (const [id, timer] of timers) {
    const sooner = next === null || timer.due < next.timer.due;
    if (sooner || (timer.due === next.timer.due && timer.rank < next.timer.rank)) next = { id, timer };
  }
  return next;
};
// When the next timer is due, here or in a worker.
const nextTime = () => Math.min(nextTimer()?.timer.due ?? Infinity, nextWorkerTimer());
// Functions of other parts: what keeps up with the clock, and is waited for, and what notes how things
// stand once scripts have run. Workers come first, so that messages find them at the page's time.
const beforeScripts = [() => runWorkers()];
const afterScripts = [];
const reachTime = async () => {
  for (const follow of beforeScripts) await follow();
};
const runTimers = async (until) => {
  // What was begun at a time has its result at that time, however long it takes.
  await workFinished();
  await runWorkers();
  for (let due = nextTime(); due <= until; due = nextTime()) {
    if (due > clock) {
      clock = due;
      await reachTime();
    }
    const own = nextTimer();
    if (own?.timer.due <= clock) {
      fire(own.id);
      await workFinished(own.timer.handler);
    } else {
      await hop();
    }
    for (const note of afterScripts) note();
    await runWorkers();
  }
  if (until > clock) {
    if (workers.size) await workFinished();
    clock = until;
    await reachTime();
  }
};

const addTimer = (handler, delay, args, repeats) => {
  // HTML, "timer initialization steps": nested timers wait 4 ms at least from the fifth level on.
  const wait = Math.max(Number(delay) || 0, nesting >= 5 ? 4 : repeats ? 1 : 0);
  const run = typeof handler === "function" ? () => handler.apply(globalThis, args) : () => (0, eval)(String(handler));
  return startTimer(run, wait, { period: repeats ? wait : null, handler });
};
globalThis.setTimeout = (handler, delay, ...args) => addTimer(handler, delay, args, false);
globalThis.setInterval = (handler, delay, ...args) => addTimer(handler, delay, args, true);
globalThis.clearTimeout = globalThis.clearInterval = stopTimer;

if (globalThis.IdleDeadline) {
  // The page is idle as soon as it has run: callbacks never have to come because of their timeout.
  const deadline = Object.create(IdleDeadline.prototype, {
    didTimeout: { value: false, enumerable: true },
    timeRemaining: { value: () => 50 },
  });
  window.requestIdleCallback = (callback) => startTimer(() => callback(deadline), 1);
  window.cancelIdleCallback = stopTimer;
}

const PRIORITIES = ["user-blocking", "user-visible", "background"];
if (globalThis.Scheduler) {
  Scheduler.prototype.postTask = function (callback, options = {}) {
    const { signal, delay = 0 } = options;
    const priority = options.priority ?? signal?.priority ?? "user-visible";
    return new Promise((resolve, reject) => {
      if (!PRIORITIES.includes(priority)) throw new TypeError(`postTask: ${priority} is not a priority`);
      if (typeof callback !== "function") throw new TypeError("postTask: the callback is not a function");
      if (signal?.aborted) throw signal.reason;
      const abort = () => {
        stopTimer(id);
        reject(signal.reason);
      };
      const run = () => {
        signal?.removeEventListener("abort", abort);
        try {
          resolve(callback());
        } catch (error) {
          reject(error);
        }
      };
      const rank = PRIORITIES.indexOf(priority) - 1;
      const id = startTimer(run, Math.max(Number(delay) || 0, 0), { rank });
      signal?.addEventListener("abort", abort);
      signal?.addEventListener("prioritychange", () => {
        const timer = timers.get(id);
        if (timer) timer.rank = PRIORITIES.indexOf(signal.priority) - 1;
      });
    });
  };
}
AbortSignal.timeout = (delay) => {
  const controller = new AbortController();
  startTimer(() => controller.abort(new DOMException("signal timed out", "TimeoutError")), Number(delay));
  return controller.signal;
};
