let c;
onmessage = ({ data }) => {
  if (data.canvas) { c = data.canvas.getContext("2d"); return }
  const t = data.t;
  c.clearRect(0, 0, 64, 44); c.shadowBlur = 6; c.shadowColor = '#000'; c.fillStyle = '#f96418'; c.fillRect(t / 30, 20, 9, 9); c.shadowBlur = 0; c.save(); c.translate(30, 20); c.rotate(t / 400); c.strokeStyle = '#b1fec3'; c.lineWidth = 3; c.strokeRect(-9, -9, 18, 18); c.restore(); c.fillStyle = '#f5244f'; c.fillRect(t / 20, 8, 20, 12);
};
