// Timers on virtual time, and dialogs, which nobody answers.

const timers = new Map(); // id -> { due, order, period, run }
let lastTimer = 0;
let nesting = 0;

const addTimer = (handler, delay, args, repeats) => {
  // HTML, "timer initialization steps": nested timers wait 4 ms at least from the fifth level on.
  const wait = Math.max(Number(delay) || 0, nesting >= 5 ? 4 : repeats ? 1 : 0);
  const id = ++lastTimer;
  const run = typeof handler === "function" ? () => handler.apply(window, args) : () => (0, eval)(String(handler));
  timers.set(id, { due: clock + wait, order: id, period: repeats ? wait : null, run, nesting: nesting + 1, handler });
  if (wait === 0) native.setTimeout(() => timers.has(id) && timers.get(id).due <= clock && fire(id));
  return id;
};
const fire = (id) => {
  const timer = timers.get(id);
  if (timer.period === null) timers.delete(id);
  else timer.due += timer.period;
  reseed("timer", id, clock);
  nesting = timer.nesting;
  guarded(timer.run);
  nesting = 0;
};
const nextTimer = () => {
  let next = null;
  for (const [id, timer] of timers) {
    const sooner = next === null || timer.due < next.timer.due;
    if (sooner || (timer.due === next.timer.due && timer.order < next.timer.order)) next = { id, timer };
  }
  return next;
};
const runTimers = async (until) => {
  // What was begun at a time has its result at that time, however long it takes.
  await untilIdle(frame < 0);
  for (let next = nextTimer(); next && next.timer.due <= until; next = nextTimer()) {
    clock = Math.max(clock, next.timer.due);
    fire(next.id);
    await untilIdle(mayLoad(next.timer.handler));
  }
};
window.setTimeout = (handler, delay, ...args) => addTimer(handler, delay, args, false);
window.setInterval = (handler, delay, ...args) => addTimer(handler, delay, args, true);
window.clearTimeout = window.clearInterval = (id) => void timers.delete(Number(id));
window.requestIdleCallback = (callback) =>
  addTimer(() => callback({ didTimeout: false, timeRemaining: () => 50 }), 1, [], false);
window.cancelIdleCallback = window.clearTimeout;

// Nobody answers a dialog.
window.alert = (text) => console.log(`alert: ${text}`);
window.confirm = () => true;
window.prompt = (_, answer) => answer ?? null;
window.print = () => {};
