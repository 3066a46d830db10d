// Tasks: letting what the page queued run, and waiting by the real clock.

const channel = new MessageChannel();
const hops = [];
channel.port1.onmessage = () => hops.shift()();
const postHop = channel.port2.postMessage.bind(channel.port2);
const hop = () =>
  new Promise((resolve) => {
    hops.push(resolve);
    postHop(0);
  });
const sleep = (ms) => new Promise((resolve) => native.setTimeout(resolve, ms));

const guarded = (callback, ...args) => {
  try {
    return callback.apply(globalThis, args);
  } catch (error) {
    native.reportError(error);
    return undefined;
  }
};
