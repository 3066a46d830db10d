// Waiting until nothing is outstanding.

// A decoded image is handed over while the browser draws: see `decoding`.
const isDecoding = (name) => /^(HTML|SVG)ImageElement\.decode$/.test(name);
const working = () => {
  const names = [...outstanding.values()].filter((name) => !isDecoding(name));
  if (document.fonts.status === "loading") names.push("fonts");
  return [...new Set([...names, ...stillUnfinished()])];
};
// The browser decodes an image while it draws.
const decoding = () => [...outstanding.values()].some(isDecoding);

// Tasks in a row in which nothing begins before all counts as done: what ended may begin the next.
const QUIET_TASKS = 4;
let gaveUp = false; // something that was waited for never ended
// Wait until nothing is outstanding and nothing follows from what was, or the time limit is over.
const untilIdle = async (asksNetwork = false) => {
  let seen = workBegun;
  await hop();
  const names = working();
  gaveUp &&= names.length > 0;
  if (gaveUp || (!asksNetwork && seen === workBegun && !names.length)) return;
  const deadline = native.now() + config.settleTimeout;
  for (let quiet = 0, pause = 0; native.now() < deadline; ) {
    const isQuiet = seen === workBegun && !working().length;
    seen = workBegun;
    quiet = isQuiet ? quiet + 1 : 0;
    if (quiet === QUIET_TASKS) {
      if (!asksNetwork || !(await untilNetworkIdle())) return;
      quiet = 0;
    }
    if (isQuiet || pause < 4) await hop();
    else await sleep(Math.min(pause - 4, 5));
    pause = isQuiet ? 0 : pause + 1;
  }
  gaveUp = true;
};
// Wait for all that the page has begun by now, or by the handler of a timer.
const workFinished = (handler) => untilIdle(handler === undefined ? frame < 0 : mayLoad(handler));
