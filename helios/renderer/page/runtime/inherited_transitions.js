// Transitions of what elements inherit from animated ones.
//
// The style that such a transition goes to inherits nothing of the animation, and the one that it comes from
// does. So it may begin each time that an element's style is computed, whatever the reason for that is. Where
// there may be any, styles are computed as often as the page itself has it, and each frame is visited. What
// groups there are (see `layers.js`) has been forgotten by then, also in frames on the way to the first picture.

const declaresTransitions = saying(/(?<!-)transition[\w-]*:/, '[style*="transition"]');
const NOT_INHERITED = new Set([
  ...Object.keys(INITIAL),
  ...["backgroundColor", "backgroundPosition", "backgroundPositionX", "backgroundPositionY", "backgroundSize"],
  ...["outlineColor", "borderTopColor", "borderRightColor", "borderBottomColor", "borderLeftColor", "boxShadow"],
  ...["stopColor", "offsetDistance", "offsetRotate"],
  ...[...SIZES].filter((name) => name !== "letterSpacing"),
]);
const isInherited = ({ effect }) =>
  effect && effect.getComputedTiming().progress !== null && namesOf(effect).some((name) => !NOT_INHERITED.has(name));
const mayHaveCustom = (list) => {
  if (hasCustomKeyframes === null) readRules();
  return hasCustomKeyframes && list.some((one) => one instanceof CSSAnimation);
};
const mayChainTransitions = () => [...roots].some(declaresTransitions);
let chainsTransitions = false; // as of the last frame
const noteInherited = (list) => {
  chainsTransitions = list.length > 0 && mayChainTransitions() && (list.some(isInherited) || mayHaveCustom(list));
};
