// Tasks: letting what the page queued run, and waiting by the real clock.

const channel = new MessageChannel();
const hops = [];
channel.port1.onmessage = () => hops.shift()();
const hop = () =>
  new Promise((resolve) => {
    hops.push(resolve);
    channel.port2.postMessage(0);
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
