// Animated SVG files. What the renderer calls, beyond what plain pages offer.

// A file that has a size is drawn at that of the page, as large as fits.
const fillPage = () => {
  const svg = document.documentElement;
  if (!(svg instanceof SVGSVGElement)) return;
  if (!svg.hasAttribute("viewBox")) {
    const [width, height] = [svg.width.baseVal.value, svg.height.baseVal.value];
    if (svg.hasAttribute("width") && svg.hasAttribute("height")) svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }
  if (!svg.hasAttribute("viewBox")) return;
  svg.setAttribute("width", "100%");
  svg.setAttribute("height", "100%");
};
// The end of an animation in seconds; of one that repeats for ever, that of its first round.
const roundEnd = (animation) => {
  const { delay, duration, endTime, direction } = animation.effect.getComputedTiming();
  const rounds = /^alternate/.test(direction) ? 2 : 1;
  const end = Number.isFinite(endTime) ? endTime : delay + rounds * duration;
  return end / 1000 / Math.abs(animation.playbackRate || 1);
};
const LATEST_BEGIN = 600; // seconds; animations that set off each other may go on for ever
const smilEnds = () => {
  const all = readIntervals(document.documentElement, LATEST_BEGIN);
  return [...document.querySelectorAll(MOVING)].map((element, i) => {
    if (!all[i].length) return 0; // it waits for an event
    const { begin, end } = all[i][0];
    return Number.isFinite(end) ? end : begin + (seconds(element.getAttribute("dur")) ?? 0);
  });
};
{
  const { begin, declared } = dialect;
  Object.assign(dialect, {
    begin: async () => {
      fillPage();
      await begin?.();
    },
    declared: () => {
      const ends = [...animations().filter((one) => one.effect).map(roundEnd), ...smilEnds()];
      const longest = Math.max(0, ...ends.filter(Number.isFinite));
      return { ...declared(), longestAnimation: longest > 0 ? longest : null };
    },
  });
}
