import { useCurrentFrame, useVideoConfig } from 'remotion';
import {
  CARDS,
  background,
  cardTransform,
  headlineTransform,
} from '../../scenes/gradient/motion.js';
import '../../scenes/gradient/style.css';

export function Gradient() {
  const seconds = useCurrentFrame() / useVideoConfig().fps;
  return (
    <div className="gradient" style={{ background: background(seconds) }}>
      <h1 style={{ transform: headlineTransform(seconds) }}>Frames, made in parallel</h1>
      <div className="cards">
        {CARDS.map(({ title, text, hue }, index) => (
          <div key={title} className="card" style={{ transform: cardTransform(index, seconds) }}>
            <div className="dot" style={{ background: `hsl(${hue} 80% 60%)` }} />
            <h2>{title}</h2>
            <p>{text}</p>
          </div>
        ))}
      </div>
    </div>
  );
}
