// What Chromium remembers of earlier frames when it draws one, and what makes it forget.

// A layer is drawn once, at one scale and shifted by one part of a pixel, and stretched and moved
// from then on, so that its pixels tell when it first appeared. Animations and `will-change` make no
// layers where contents are said to change (Blink's CompositingReasonFinder). Elements inherit that
// from the root without a trace in their own computed styles.
let flat = null;
const flatten = () => {
  if (flat?.owner !== document) {
    flat = { owner: document, sheet: new CSSStyleSheet() };
    flat.sheet.replaceSync(":root { will-change: contents !important }");
  }
  // The page may set the list anew.
  if (!document.adoptedStyleSheets.includes(flat.sheet)) document.adoptedStyleSheets.push(flat.sheet);
};

// An element whose opacity comes to be 1 is drawn as a group still, which shows at its edges, until
// all of its drawing properties are computed anew. So they are, for every element, where their reasons
// for layers change: without the sheet, and with it again.
const forgetGroups = () => {
  if (!document.documentElement) return;
  flatten();
  if (chainsTransitions) return drawnUnasked();
  if (!config.reference && !mayHaveLeftovers()) return;
  flat.sheet.disabled = true;
  getComputedStyle(document.documentElement).willChange;
  flat.sheet.disabled = false;
};
