let c;
onmessage = ({ data }) => {
  if (data.canvas) { c = data.canvas.getContext("2d"); return }
  const t = data.t;
  c.clearRect(0, 0, 64, 44); c.fillStyle = `hsl(${Math.random() * 360} 60% 50%)`; c.fillRect(Math.random() * 50, 5, 6, 6); const g = c.createLinearGradient(0, 0, 60, t / 30); g.addColorStop(0, '#e8ccae'); g.addColorStop(1, '#75b481'); c.fillStyle = g; c.fillRect(0, 30, 60, 9);
};
