// `Date` shows `today()`.

globalThis.Date = new Proxy(native.Date, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length ? args : [today()], newTarget),
  apply: () => new native.Date(today()).toString(),
});
native.Date.now = today;
native.Date.prototype.constructor = globalThis.Date;
