// Virtual time: `clock`, and what of the platform tells the time of now.

let clock = startClock(); // milliseconds since frame 0
let frame = -1;

const today = () => Math.floor(config.epoch + clock);
globalThis.Date = new Proxy(native.Date, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length ? args : [today()], newTarget),
  apply: () => new native.Date(today()).toString(),
});
native.Date.now = today;
native.Date.prototype.constructor = globalThis.Date;
Performance.prototype.now = () => clock;
Object.defineProperty(Performance.prototype, "timeOrigin", { configurable: true, enumerable: true, get: () => config.epoch });
