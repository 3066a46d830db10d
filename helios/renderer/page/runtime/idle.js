// Waiting until nothing is outstanding.

// A decoded image is handed over while the browser draws: see `decoding`.
const isDecoding = (name) => /^(HTML|SVG)ImageElement\.decode$/.test(name);
const working = () => {
  const names = [...outstanding.values()].filter((name) => !isDecoding(name));
  if (ownFonts()?.status === "loading") names.push("fonts");
  return [...new Set([...names, ...stillUnfinished()])];
};
// The browser decodes an image while it draws.
const decoding = () => [...outstanding.values()].some(isDecoding);

// Tasks in a row in which nothing begins before all counts as done: what ended may begin the next.
const QUIET_TASKS = 4;
// Tasks in which messages are followed: a page may post one after the other for ever.
const MESSAGE_TASKS = 200;
let gaveUp = false; // something that was waited for never ended
// Wait until nothing is outstanding and nothing follows from what was, or the time limit is over.
const untilIdle = async (asksNetwork = false) => {
  let [seenWork, seenMessages, tasks] = [workBegun, messagesPosted, 0];
  // Whether anything has begun since this was last asked.
  const hasBegun = () => {
    const begun = seenWork !== workBegun || (seenMessages !== messagesPosted && tasks < MESSAGE_TASKS);
    [seenWork, seenMessages] = [workBegun, messagesPosted];
    return begun;
  };
  await hop();
  gaveUp &&= working().length > 0;
  if (gaveUp || (!asksNetwork && !hasBegun() && !working().length)) return;
  const deadline = native.now() + config.settleTimeout;
  for (let quiet = 0, waits = 0; native.now() < deadline; tasks++) {
    const isWorking = working().length > 0;
    quiet = hasBegun() || isWorking ? 0 : quiet + 1;
    waits = isWorking ? waits + 1 : 0;
    if (quiet === QUIET_TASKS) {
      if (!asksNetwork || !(await untilNetworkIdle())) return;
      quiet = 0;
    }
    if (waits < QUIET_TASKS) await hop();
    else await sleep(Math.min(waits - QUIET_TASKS, 5));
  }
  gaveUp = true;
};
