import { tell } from "./tell.js";
// A worker of its own, from a blob, which starts its timer late.
const nested = new Worker(URL.createObjectURL(new Blob(["setTimeout(() => postMessage(performance.now() / 2000), 300)"])));
nested.onmessage = ({ data }) => tell("nested", data);
setTimeout(async () => {
  const text = await (await fetch("worker.js")).text();
  tell("module", text.length > 0 ? performance.now() / 2000 : 0);
}, 700);
