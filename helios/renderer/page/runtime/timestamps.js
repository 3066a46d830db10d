// Times that objects of the platform carry: events, performance entries, files.

// Redefine how a property reads; `read` gets the browser's own value.
const rereading = (owner, name, read) => {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, {
    ...own,
    get() {
      return read.call(this, own.get.call(this));
    },
  });
};

// The time at which an object was first asked for its own, which is when it was handed to the page.
const seen = new WeakMap();
const seenAt = function () {
  if (!seen.has(this)) seen.set(this, clock);
  return seen.get(this);
};
rereading(Event.prototype, "timeStamp", seenAt);
for (const [name, key] of [
  ["IntersectionObserverEntry", "time"],
  ["AnimationPlaybackEvent", "timelineTime"],
  ["VideoPlaybackQuality", "creationTime"],
]) {
  if (globalThis[name]) rereading(globalThis[name].prototype, key, seenAt);
}

// Marks and measures are made of the page's own times; all else that is measured took no time.
const isOwnEntry = (entry) => entry instanceof PerformanceMark || entry instanceof PerformanceMeasure;
for (const name of ["startTime", "duration"]) {
  rereading(PerformanceEntry.prototype, name, function (time) {
    return isOwnEntry(this) ? time : 0;
  });
}
const MOMENT = /(Start|End|Time|Timestamp|Duration)$|^(domInteractive|domComplete|domLoading)$/;
const MEASURED = /^(Performance.*(Timing|Entry)|LargestContentfulPaint|LayoutShift|VisibilityStateEntry)$/;
for (const name of Object.getOwnPropertyNames(globalThis).filter((name) => MEASURED.test(name))) {
  const owner = globalThis[name].prototype;
  for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
    if (!get || !MOMENT.test(key) || owner === PerformanceEntry.prototype) continue;
    const start = name === "PerformanceTiming" ? config.epoch : 0;
    rereading(owner, key, (time) => (typeof time === "number" ? start : time));
  }
}
const toJSON = function () {
  const entries = [];
  for (const key in this) if (typeof this[key] !== "function") entries.push([key, this[key]?.toJSON?.() ?? this[key]]);
  return Object.fromEntries(entries);
};
for (const type of ["PerformanceEntry", "PerformanceResourceTiming", "PerformanceNavigationTiming", "PerformanceTiming"]) {
  if (globalThis[type]) globalThis[type].prototype.toJSON = toJSON;
}

const performanceJSON = Performance.prototype.toJSON;
Performance.prototype.toJSON = function () {
  const { timeOrigin, timing } = this;
  return { ...performanceJSON.call(this), timeOrigin, ...(timing && { timing: timing.toJSON() }) };
};

const mark = Performance.prototype.mark;
const markAt = (options) => ({ ...options, startTime: options?.startTime ?? clock });
Performance.prototype.mark = function (name, options) {
  return mark.call(this, name, markAt(options));
};
globalThis.PerformanceMark = new Proxy(PerformanceMark, {
  construct: (target, [name, options], newTarget) => Reflect.construct(target, [name, markAt(options)], newTarget),
});
const measure = Performance.prototype.measure;
const moment = (mark) => (globalThis.PerformanceTiming && mark in PerformanceTiming.prototype ? 0 : mark);
Performance.prototype.measure = function (name, start, end) {
  if (typeof start !== "object" || start === null) {
    return measure.call(this, name, { start: moment(start ?? 0), end: moment(end ?? clock) });
  }
  const options = { ...start };
  if (options.end === undefined && (options.start === undefined || options.duration === undefined)) {
    options.end = clock;
    if (options.start === undefined && options.duration === undefined) options.start = 0;
  }
  return measure.call(this, name, options);
};

// Files were changed when the timeline began; files that the page makes, now.
globalThis.File = new Proxy(File, {
  construct: (target, [parts, name, options], newTarget) =>
    Reflect.construct(target, [parts, name, { ...options, lastModified: options?.lastModified ?? today() }], newTarget),
});
if (globalThis.Document) {
  const two = (number) => String(number).padStart(2, "0");
  rereading(Document.prototype, "lastModified", () => {
    const date = new Date(config.epoch);
    const day = [date.getMonth() + 1, date.getDate(), date.getFullYear()].map(two).join("/");
    return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
  });
}
