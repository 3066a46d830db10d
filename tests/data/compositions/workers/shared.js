// Tells each of those that are connected, under the name that it gave itself, the time and how many they are.
const connected = [];
addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data }) => connected.push([port, data]);
});
setInterval(() => {
  for (const [port, name] of connected) port.postMessage([name, (performance.now() / 2000 / 2) * connected.length]);
}, 100);
