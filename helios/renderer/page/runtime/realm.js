// The browser's own functions, as pages and workers alike have them before they can replace them.

const native = {
  Date: globalThis.Date,
  Promise: globalThis.Promise,
  then: Promise.prototype.then,
  now: performance.now.bind(performance),
  setTimeout: globalThis.setTimeout.bind(globalThis),
  clearTimeout: globalThis.clearTimeout.bind(globalThis),
  listen: EventTarget.prototype.addEventListener,
  postMessage: globalThis.postMessage.bind(globalThis),
  reportError: globalThis.reportError.bind(globalThis),
};
