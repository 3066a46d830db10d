// Virtual time for one worker. Evaluated before any script of it.
//
// Parts of the page's runtime stand in its place below, in the order that `scripts.py` gives.
(() => {
"use strict";
const KEY = "__helios_runtime__";
let start;
try {
  start = JSON.parse(globalThis.name)[KEY];
} catch {}
if (!start) return; // not started by a page that is driven
Object.defineProperty(globalThis, "name", { configurable: true, enumerable: true, writable: true, value: start.name });
const config = { ...__HELIOS_CONFIG__, seed: start.seed };
const startClock = () => start.clock;

/* __HELIOS_PARTS__ */
})();
