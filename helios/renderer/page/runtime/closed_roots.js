// Shadow trees that no script can reach: the renderer shows them to the runtime.

// The browser moves a marquee by an animation in a tree of its own.
const opened = new WeakSet();
const addRoot = (root) => {
  roots.add(root);
  opened.add(root.host);
};
// Whether there is one that the runtime wasn't shown yet.
const hidesRoots = () =>
  [...roots].some((root) => [...root.querySelectorAll("marquee")].some((element) => !opened.has(element)));
