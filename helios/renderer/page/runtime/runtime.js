// Virtual time for one browsing context. Evaluated before any script of the page, in every frame.
//
// The page's clocks (Date, performance.now, timers, requestAnimationFrame, media elements) show
// the time of the frame that is being drawn and nothing else. The driver calls, frame by frame,
//   advance(...)  timers that are due run at their own times, then the clock stands at the frame;
//   settle(...)   resolves once the browser has drawn the frame's animation callbacks and all that
//                 they wait for (images, fonts, media, waitUntilStable) is there.
// The driver stops the browser's animation clock: its own is rounded, with noise that differs from
// run to run. Every running animation is moved by this script instead, to exactly where it belongs.
//
// The files beside this one stand in its place below, in the order that `scripts.py` gives.
(() => {
"use strict";
const config = __HELIOS_CONFIG__;
const KEY = "__helios_runtime__";
if (window[KEY]) return window[KEY].adopt(); // an inner frame's window stays when its first page comes

/* __HELIOS_PARTS__ */
})();
