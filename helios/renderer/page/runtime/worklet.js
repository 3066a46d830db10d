// Time and chance in a worklet, which has no clock but that of its audio. Evaluated before its scripts.
(() => {
"use strict";
const config = __HELIOS_CONFIG__;
const native = { Date };
const today = () => Math.floor(config.epoch + 1000 * (globalThis.currentTime ?? 0));

/* __HELIOS_PARTS__ */
})();
