// Shared by the HTML page and the Remotion component: the scene as a function of time in seconds.

export const CARDS = [
  { title: 'Capture', text: 'One browser, one clock', hue: 18 },
  { title: 'Encode', text: 'Frames become packets', hue: 48 },
  { title: 'Stitch', text: 'No seam to be seen', hue: 150 },
  { title: 'Store', text: 'Named by their content', hue: 190 },
  { title: 'Retry', text: 'Only what is missing', hue: 250 },
  { title: 'Deliver', text: 'One file, ready to play', hue: 320 },
];

export function background(seconds) {
  const angle = 120 + 36 * seconds;
  const hue = 220 + 24 * seconds;
  const middle = 45 + 12 * Math.sin(seconds * 1.7);
  return (
    `linear-gradient(${angle.toFixed(3)}deg, hsl(${hue.toFixed(3)} 70% 22%) 0%, ` +
    `hsl(${(hue + 50).toFixed(3)} 75% 45%) ${middle.toFixed(3)}%, ` +
    `hsl(${(hue + 110).toFixed(3)} 85% 62%) 100%)`
  );
}

export function cardTransform(index, seconds) {
  const x = 34 * Math.sin(seconds * 1.3 + index * 1.1);
  const y = 48 * Math.cos(seconds * 1.6 + index * 0.8);
  return `translate(${x.toFixed(3)}px, ${y.toFixed(3)}px)`;
}

export function headlineTransform(seconds) {
  return `translateX(${(40 * Math.sin(seconds * 0.9)).toFixed(3)}px)`;
}
