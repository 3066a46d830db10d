import { Composition } from 'remotion';
import { Ball } from './Ball.jsx';
import { Deck } from './Deck.jsx';
import { Gradient } from './Gradient.jsx';

const SCENES = { gradient: Gradient, ball: Ball, deck: Deck };

export function Root() {
  return Object.entries(SCENES).map(([id, component]) => (
    <Composition
      key={id}
      id={id}
      component={component}
      width={1920}
      height={1080}
      fps={30}
      durationInFrames={150}
    />
  ));
}
