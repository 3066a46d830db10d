// Shadow trees that no script can reach, which the renderer shows to the runtime; and those that markup declares later.

// The browser moves a marquee by an animation in a tree of its own.
const opened = new WeakSet();
const addRoot = (root) => {
  roots.add(root);
  opened.add(root.host);
  findDeclaredRoots(root);
};
// A script may set markup that declares trees, closed ones too.
let mayHideRoots = false;
const noteMarkup = (parent, markup) => {
  if (!/shadowrootmode/i.test(markup)) return;
  findDeclaredRoots(parent);
  mayHideRoots = true;
};
for (const { prototype } of [Element, ShadowRoot]) after(prototype, "setHTMLUnsafe", (self, _, [markup]) => noteMarkup(self, markup));
after(Document, "parseHTMLUnsafe", (_, parsed, [markup]) => noteMarkup(parsed, markup));
// Whether there is one that the runtime wasn't shown yet.
const hidesRoots = () => {
  const hides = mayHideRoots || [...roots].some((root) => [...root.querySelectorAll("marquee")].some((element) => !opened.has(element)));
  mayHideRoots = false;
  return hides;
};
