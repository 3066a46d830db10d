// Virtual time: `clock`, and what of the platform tells the time of now.

let clock = startClock(); // milliseconds since frame 0
let frame = -1;

const today = () => Math.floor(config.epoch + clock);
Performance.prototype.now = () => clock;
Object.defineProperty(Performance.prototype, "timeOrigin", { configurable: true, enumerable: true, get: () => config.epoch });
