// Requests that a script can't see: the driver knows them.

const NETWORK = "__helios_network__";
const askNetwork = window[NETWORK]?.bind(window); // a binding of the driver
delete window[NETWORK];

const questions = [];
// Resolves once no request of the page is under way; returns whether one was.
const untilNetworkIdle = () =>
  new Promise((resolve) => {
    if (!askNetwork) return resolve(false);
    questions.push(resolve);
    askNetwork("");
  });
const answerNetwork = (wasBusy) => questions.shift()(wasBusy);

// Asking takes longer than a timer, so a handler that has never loaded anything isn't asked about
// for ever, as long as no element appears that may load something.
const MOST_QUESTIONS = 3;
const asked = new Map(); // source of a handler -> how often the network was asked about it
const LOADING_TAGS = ["embed", "iframe", "image", "link", "object", "script"];
let elementCounts = "";
const mayLoad = (handler) => {
  const source = String(handler);
  const times = (asked.get(source) ?? 0) + 1;
  asked.set(source, times);
  const counts = LOADING_TAGS.map((tag) => document.getElementsByTagName(tag).length).join();
  const changed = counts !== elementCounts;
  elementCounts = counts;
  return changed || times <= MOST_QUESTIONS;
};
// Wait for all that the page has begun by now, or by the handler of a timer.
const workFinished = (handler) => untilIdle(handler === undefined ? frame < 0 : mayLoad(handler));
