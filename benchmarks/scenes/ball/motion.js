// Shared by the HTML page and the Remotion component: the scene as a function of time in seconds.

const RADIUS = 90;
const FLOOR = 930;
const TRAIL = 12;

function triangle(value, length) {
  const phase = ((value % (2 * length)) + 2 * length) % (2 * length);
  return phase < length ? phase : 2 * length - phase;
}

function position(seconds) {
  const bounce = ((seconds % 1.25) / 1.25) * 2 - 1;
  return {
    x: 160 + triangle(640 * seconds + 90, 1600),
    y: FLOOR - RADIUS - 640 * (1 - bounce * bounce),
  };
}

function disc(context, x, y, radius, fill) {
  context.fillStyle = fill;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

export function drawBall(context, seconds) {
  context.fillStyle = '#101828';
  context.fillRect(0, 0, 1920, 1080);
  context.fillStyle = '#1d2a44';
  context.fillRect(0, FLOOR, 1920, 1080 - FLOOR);
  for (let step = TRAIL; step > 0; step -= 1) {
    const past = seconds - step / 40;
    if (past < 0) continue;
    const { x, y } = position(past);
    const strength = 1 - step / (TRAIL + 1);
    disc(context, x, y, RADIUS * (0.35 + 0.6 * strength), `rgba(255, 138, 76, ${0.3 * strength})`);
  }
  const { x, y } = position(seconds);
  disc(context, x, y, RADIUS, '#ff8a4c');
  disc(context, x - 28, y - 30, 22, 'rgba(255, 255, 255, 0.55)');
}
