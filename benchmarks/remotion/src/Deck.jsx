import { AbsoluteFill, Easing, interpolate, useCurrentFrame, useVideoConfig } from 'remotion';
import { CHANGE, EASING, EVERY, SLIDES } from '../../scenes/deck/motion.js';
import '../../scenes/deck/style.css';

function progress(seconds, start) {
  return interpolate(seconds, [start, start + CHANGE], [0, 1], {
    easing: Easing.bezier(...EASING),
    extrapolateLeft: 'clamp',
    extrapolateRight: 'clamp',
  });
}

function position(index, seconds) {
  const entered = progress(seconds, index * EVERY);
  const left = index < SLIDES.length - 1 ? progress(seconds, (index + 1) * EVERY) : 0;
  return left > 0 ? -25 * left : 100 * (1 - entered);
}

export function Deck() {
  const seconds = useCurrentFrame() / useVideoConfig().fps;
  return (
    <AbsoluteFill style={{ overflow: 'hidden' }}>
      {SLIDES.map(({ title, lines, paper, ink }, index) => (
        <section
          key={title}
          className="slide"
          style={{
            background: paper,
            color: ink,
            transform: `translateX(${position(index, seconds)}%)`,
          }}
        >
          <h1>{title}</h1>
          <ul>
            {lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          <div className="number">
            {index + 1} / {SLIDES.length}
          </div>
        </section>
      ))}
    </AbsoluteFill>
  );
}
