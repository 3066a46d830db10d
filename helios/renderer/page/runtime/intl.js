// Dates that are asked for without naming one: `Intl.DateTimeFormat` and `Temporal.Now`.

const formats = new WeakMap(); // formatter -> its function, which is the same each time it is asked for
const format = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, "format");
Object.defineProperty(Intl.DateTimeFormat.prototype, "format", {
  ...format,
  get() {
    const own = format.get.call(this);
    if (!formats.has(this)) formats.set(this, (date) => own(date === undefined ? today() : date));
    return formats.get(this);
  },
});
const formatToParts = Intl.DateTimeFormat.prototype.formatToParts;
Intl.DateTimeFormat.prototype.formatToParts = function (date) {
  return formatToParts.call(this, date === undefined ? today() : date);
};

if (globalThis.Temporal) {
  const { Now, Instant } = Temporal;
  const instant = () => new Instant(BigInt(config.epoch) * 1_000_000n + BigInt(Math.floor(clock * 1e6)));
  const zoned = (zone = Now.timeZoneId()) => instant().toZonedDateTimeISO(zone);
  Object.assign(Now, {
    instant,
    zonedDateTimeISO: zoned,
    plainDateTimeISO: (zone) => zoned(zone).toPlainDateTime(),
    plainDateISO: (zone) => zoned(zone).toPlainDate(),
    plainTimeISO: (zone) => zoned(zone).toPlainTime(),
  });
}
