// View transitions: until one has taken its pictures, the page has to be drawn, pixels and all.

const transitions = new Set(); // that wait for being drawn: for the old picture, then for the new one
const updating = new Set(); // whose script changes the page, which the browser doesn't draw meanwhile
const startTransition = (start, element, args) => {
  const token = {};
  const waits = () => void transitions.add(token);
  const goesOn = () => void transitions.delete(token);
  const updated = () => {
    updating.delete(token);
    waits();
  };
  const watched = (update) =>
    update &&
    (() => {
      goesOn(); // the page's own script may take its time
      updating.add(token);
      try {
        const done = update();
        native.then.call(Promise.resolve(done), updated, updated);
        return done;
      } catch (error) {
        updating.delete(token);
        throw error;
      }
    });
  const [given] = args;
  const options = typeof given === "function" || !given ? { update: given } : given;
  waits();
  const transition = start.call(element, { ...options, update: watched(options.update) });
  native.then.call(transition.ready, goesOn, goesOn);
  return transition;
};
for (const owner of [Document, Element]) {
  const start = owner.prototype.startViewTransition;
  if (!start) continue;
  owner.prototype.startViewTransition = function (...args) {
    return startTransition(start, this, args);
  };
}
