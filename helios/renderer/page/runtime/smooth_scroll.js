// Smooth scrolling: where it has come to follows from the time since it began.
//
// The browser's own would go by the frames that are drawn. So it only ever scrolls at once here, which
// also tells where a scroll leads.

const scrolls = new Map(); // scroller -> { from, to, since, length }: positions in px, times in ms

// Chromium's ScrollOffsetAnimationCurve: `ease-in-out` over sqrt(distance) / 60 s, 0.72 s at most.
const scrollLength = (distance) => Math.min(Math.sqrt(distance) / 60, 0.72) * 1000;
const easeInOut = (progress) => {
  const bezier = (a, b, s) => 3 * a * s * (1 - s) ** 2 + 3 * b * s ** 2 * (1 - s) + s ** 3;
  let [low, high] = [0, 1];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (bezier(0.42, 0.58, middle) < progress) low = middle;
    else high = middle;
  }
  return bezier(0, 1, low);
};

const nativeScroll = {
  element: Element.prototype.scroll,
  intoView: Element.prototype.scrollIntoView,
  left: Object.getOwnPropertyDescriptor(Element.prototype, "scrollLeft"),
  top: Object.getOwnPropertyDescriptor(Element.prototype, "scrollTop"),
};
const placeOf = (scroller) => ({ left: nativeScroll.left.get.call(scroller), top: nativeScroll.top.get.call(scroller) });
const jump = (scroller, place) => nativeScroll.element.call(scroller, { ...place, behavior: "instant" });
// The document's own scroller shows the style of the root element.
const isSmooth = (scroller, behavior) => {
  if (behavior === "smooth" || behavior === "instant") return behavior === "smooth";
  const styled = scroller === document.scrollingElement ? document.documentElement : scroller;
  return getComputedStyle(styled).scrollBehavior === "smooth";
};
const scrollAll = (scrollers, behavior, scroll) => {
  const before = scrollers.map(placeOf);
  scroll();
  scrollers.forEach((scroller, i) => {
    const [from, to] = [before[i], placeOf(scroller)];
    const distance = Math.max(Math.abs(to.left - from.left), Math.abs(to.top - from.top));
    if (distance === 0 && !scrolls.has(scroller)) return;
    scrolls.delete(scroller);
    if (distance === 0 || !isSmooth(scroller, behavior)) return;
    jump(scroller, from);
    scrolls.set(scroller, { from, to, since: clock, length: scrollLength(distance) });
  });
};
const seekScrolls = () => {
  for (const [scroller, { from, to, since, length }] of scrolls) {
    const part = easeInOut(Math.min((clock - since) / length, 1));
    if (clock - since >= length) scrolls.delete(scroller);
    const between = (a, b) => a + (b - a) * part;
    jump(scroller, { left: between(from.left, to.left), top: between(from.top, to.top) });
  }
};
// Each step of a scroll would be told as its end.
window.addEventListener(
  "scrollend",
  (event) => {
    const scroller = event.target === document ? document.scrollingElement : event.target;
    if (scrolls.has(scroller)) event.stopImmediatePropagation();
  },
  true,
);

const scrollOptions = (args) => {
  if (args.length !== 1) return { left: Number(args[0]) || 0, top: Number(args[1]) || 0 };
  const { left, top, behavior } = args[0] ?? {};
  const options = { behavior };
  for (const [name, value] of Object.entries({ left, top })) if (value !== undefined) options[name] = Number(value) || 0;
  return options;
};
const scrollTo = (scroller, { behavior, ...place }) =>
  scroller && scrollAll([scroller], behavior, () => jump(scroller, place));
const scrollBy = (scroller, { behavior, left = 0, top = 0 }) => {
  if (!scroller) return;
  const from = placeOf(scroller);
  scrollTo(scroller, { behavior, left: from.left + left, top: from.top + top });
};
Object.assign(Element.prototype, {
  scroll(...args) { scrollTo(this, scrollOptions(args)); },
  scrollTo(...args) { scrollTo(this, scrollOptions(args)); },
  scrollBy(...args) { scrollBy(this, scrollOptions(args)); },
  scrollIntoView(options) {
    const aligned = typeof options === "object" && options !== null ? options : { block: options === false ? "end" : "start" };
    const scrollers = [];
    for (let one = this; one; one = one.assignedSlot ?? one.parentElement ?? one.getRootNode().host) scrollers.push(one);
    if (document.scrollingElement && !scrollers.includes(document.scrollingElement)) scrollers.push(document.scrollingElement);
    scrollAll(scrollers, aligned.behavior, () => nativeScroll.intoView.call(this, { ...aligned, behavior: "instant" }));
  },
});
Object.assign(window, {
  scroll: (...args) => void scrollTo(document.scrollingElement, scrollOptions(args)),
  scrollTo: (...args) => void scrollTo(document.scrollingElement, scrollOptions(args)),
  scrollBy: (...args) => void scrollBy(document.scrollingElement, scrollOptions(args)),
});
for (const [name, key] of [["scrollLeft", "left"], ["scrollTop", "top"]]) {
  Object.defineProperty(Element.prototype, name, {
    ...nativeScroll[key],
    set(value) {
      scrollTo(this, { [key]: Number(value) || 0 });
    },
  });
}
// A link to a place of the page.
window.addEventListener("hashchange", () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && [document.documentElement, ...scrolls.keys()].some((one) => isSmooth(one))) target.scrollIntoView();
});
