// SVG animations (SMIL): each <svg>, inner ones included, has a timeline of its own.

const svgTimelines = new WeakMap(); // svg -> { time, clock, paused }: where it stood, and when, in ms
const svgPrototype = SVGSVGElement.prototype;
const nativeSvg = {
  pause: svgPrototype.pauseAnimations,
  setTime: svgPrototype.setCurrentTime,
};
// It begins while the page loads, or when it is added.
const svgTimeline = (svg) => {
  if (!svgTimelines.has(svg)) svgTimelines.set(svg, { time: 0, clock: frame < 0 ? 0 : clock, paused: false });
  return svgTimelines.get(svg);
};
const svgTime = (svg) => {
  const { time, clock: since, paused } = svgTimeline(svg);
  return paused ? time : time + clock - since;
};
const moveSvgTo = (svg, time, paused) => {
  svgTimelines.set(svg, { time, clock, paused });
  nativeSvg.setTime.call(svg, time / 1000);
};
svgPrototype.pauseAnimations = function () {
  moveSvgTo(this, svgTime(this), true);
};
svgPrototype.unpauseAnimations = function () {
  moveSvgTo(this, svgTime(this), false);
};
svgPrototype.animationsPaused = function () {
  return svgTimeline(this).paused;
};
svgPrototype.getCurrentTime = function () {
  return svgTime(this) / 1000;
};
svgPrototype.setCurrentTime = function (seconds) {
  moveSvgTo(this, Number(seconds) * 1000, svgTimeline(this).paused);
};

const MOVING = "animate, animateMotion, animateTransform, set";
const seekSvgs = () => {
  for (const root of roots) {
    for (const svg of root.querySelectorAll("svg")) {
      nativeSvg.pause.call(svg);
      nativeSvg.setTime.call(svg, svgTime(svg) / 1000);
    }
  }
};
const hasSvgAnimations = () => [...roots].some((root) => root.querySelector(MOVING) !== null);
