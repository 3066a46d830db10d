// Numbers, times and sizes as people read them.

const numberFormat = new Intl.NumberFormat("en-US");

const format = {
  count: (value) => numberFormat.format(value),

  plural: (value, noun) => `${format.count(value)} ${noun}${value === 1 ? "" : "s"}`,

  // Seconds that something took: 0.42 s, 12.3 s, 4 min 05 s, 2 h 10 min.
  duration(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  },

  // A time on a line of times: 0:07.5, 12:00, 1:02:03.
  clock(seconds, digits = 0) {
    const unit = 10 ** digits;
    const whole = Math.round(seconds * unit) / unit;
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor((whole % 3600) / 60);
    const rest = (whole % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
  },

  milliseconds(seconds) {
    const value = seconds * 1000;
    return `${value < 9.95 ? value.toFixed(1) : format.count(Math.round(value))} ms`;
  },

  percent: (share) => `${Math.round(share * 100)}%`,

  money(dollars) {
    if (dollars === 0) return "$0";
    return dollars < 0.1 ? `$${dollars.toFixed(dollars < 0.001 ? 6 : 4)}` : `$${dollars.toFixed(2)}`;
  },

  moment: (text) => (text ? new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" }) : ""),

  fileName: (path) => path.replace(/\/+$/, "").split("/").pop() || path,

  // Distance between marks of an axis, in seconds, at least so many.
  step(least) {
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
    return steps.find((step) => step >= least) ?? 86400 * Math.ceil(least / 86400);
  },
};

// The largest of values, at least so large. Of many values, Math.max can't take all as arguments.
const largest = (values, least) => values.reduce((most, value) => Math.max(most, value), least);

const KINDS = [
  ["script", "script", "--script"],
  ["waiting", "loading", "--load"],
  ["raster", "raster", "--raster"],
  ["encoding", "encoding", "--encoding"],
];

const CAUSES = {
  script: "scripts, styles and layout",
  waiting: "waiting for what the page loads",
  raster: "drawing and capturing",
  encoding: "waiting for the encoder",
};
