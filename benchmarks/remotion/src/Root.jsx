import { Composition } from 'remotion';
import { Ball } from './Ball.jsx';
import { Deck } from './Deck.jsx';
import { Gradient } from './Gradient.jsx';

// Component and length in frames of each scene.
const SCENES = { gradient: [Gradient, 150], ball: [Ball, 150], deck: [Deck, 600] };

export function Root() {
  return Object.entries(SCENES).map(([id, [component, frames]]) => (
    <Composition
      key={id}
      id={id}
      component={component}
      width={1920}
      height={1080}
      fps={30}
      durationInFrames={frames}
    />
  ));
}
