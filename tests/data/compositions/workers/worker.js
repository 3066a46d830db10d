// Posts what its clocks tell, each time that its timers are due.
const EPOCH = Date.UTC(2024, 0, 1);
const tell = (name, value) => postMessage([name, value]);
let rounds = 0;
setInterval(() => {
  tell("rounds", ++rounds / 20);
  const now = performance.now();
  const agree = Date.now() === Math.floor(EPOCH + now) && new Date() - EPOCH === Math.floor(now)
    && Intl.DateTimeFormat().format() === "1/1/2024" && new Event("x").timeStamp === now
    && performance.timeOrigin === EPOCH && self.name === "ticker" && location.pathname.endsWith("worker.js");
  tell("agree", agree ? 1 : 0);
}, 100);
const draw = (time) => {
  tell("frame", time / 2000);
  requestAnimationFrame(draw);
};
requestAnimationFrame(draw);
tell("random", Math.random());
onmessage = ({ data }) => {
  // Answers come at once, but what a timer answers comes later.
  tell("asked", data);
  setTimeout(() => tell("later", performance.now() / 2000), 250);
};
