// Progress bars without a value: the browser moves their block by its own clock.
//
// So such a bar is drawn as a background that looks like the browser's own, where the page leaves the
// look to the browser: a fifth of the bar goes to its end and back.

const PROGRESS_ROUND = 2000; // milliseconds to the end and back
const drawnBars = new WeakSet();
const drawBar = (bar) => {
  const { style } = bar;
  if (!drawnBars.has(bar)) {
    if (getComputedStyle(bar).appearance !== "auto") return;
    drawnBars.add(bar);
    style.setProperty("appearance", "none");
    style.setProperty("box-sizing", "border-box");
    style.setProperty("border", "1px solid #b2b2b2");
    style.setProperty("border-radius", "1em");
  }
  const round = (clock / PROGRESS_ROUND) % 1;
  const place = 100 * (round < 0.5 ? 2 * round : 2 - 2 * round);
  const accent = getComputedStyle(bar).accentColor;
  const block = accent === "auto" ? "#0075ff" : accent;
  style.setProperty("background", `linear-gradient(${block}, ${block}) ${place}% 0 / 20% 100% no-repeat, #efefef`);
};
const bareBars = new CSSStyleSheet();
bareBars.replaceSync("progress:indeterminate::-webkit-progress-bar { background: none }");
const barsOf = (root) => [...root.querySelectorAll("progress")].filter((bar) => bar.matches(":indeterminate"));
const moveBars = () => {
  for (const root of roots) {
    const bars = barsOf(root);
    if (bars.length && root.adoptedStyleSheets && !root.adoptedStyleSheets.includes(bareBars)) root.adoptedStyleSheets.push(bareBars);
    bars.forEach(drawBar);
  }
};
const hasBars = () => [...roots].some((root) => barsOf(root).length > 0);
