// Transforms between lists of unlike functions.
//
// Chromium takes what lies between such lists for a 3D transform, flat or not, and draws the element in a
// layer of its own, which remembers earlier frames. So while a picture is taken, an animation above all
// others shows the flat matrix that it comes to.

const nativeAnimate = Element.prototype.animate;
const ALIKE = /^(translate|scale|rotate)(X|Y|Z|3d)?$/;
// Kinds of the functions of a list; those within others, such as `calc()`, are none.
const kindsOf = (transform) => {
  const kinds = [];
  let depth = 0;
  for (const [, name, bracket] of transform.matchAll(/([\w-]*)([()])/g)) {
    if (bracket === "(" && depth++ === 0) kinds.push(name.replace(ALIKE, "$1"));
    if (bracket === ")") depth--;
  }
  return kinds;
};
const areUnlike = (first, second) => first.some((kind, i) => i < second.length && kind !== second[i]);
const mixedEffects = new WeakMap(); // effect -> whether it goes between unlike lists
const mixes = (effect) => {
  if (!mixedEffects.has(effect)) {
    const transforms = effect.getKeyframes().map(({ transform }) => transform);
    const kinds = transforms.filter(Boolean).map(kindsOf);
    mixedEffects.set(effect, kinds.some((list, i) => i > 0 && areUnlike(kinds[i - 1], list)));
  }
  return mixedEffects.get(effect);
};
after(KeyframeEffect.prototype, "setKeyframes", (self) => mixedEffects.delete(self));

let flattened = []; // the renderer's own animations, which the page doesn't see
const unflattenTransforms = () => {
  for (const animation of flattened) animation.cancel();
  // Blink begins no transition of what was animated when it last computed styles: so it computes them here.
  for (const { effect } of flattened) getComputedStyle(effect.target, effect.pseudoElement).opacity;
  flattened = [];
};
const flattenTransforms = (list) => {
  const mixed = list.map(({ effect }) => effect).filter((effect) => effect instanceof KeyframeEffect && mixes(effect));
  const found = mixed.map(({ target, pseudoElement }) => {
    const { transform, perspectiveOrigin } = getComputedStyle(target, pseudoElement);
    return { target, pseudoElement, transform, perspectiveOrigin };
  });
  for (const { target, pseudoElement, transform, perspectiveOrigin } of found) {
    if (!transform.startsWith("matrix(")) continue;
    const options = { duration: 1, fill: "both", pseudoElement };
    // A transform that changes alone is passed on to the layer that the element had. So something else changes as well,
    // by less than can be seen.
    const keyframe = { transform, perspectiveOrigin: perspectiveOrigin.replace(/ (.*)/, " calc($1 + 0.001px)") };
    flattened.push(nativeAnimate.call(target, [keyframe, keyframe], options));
  }
};
