// Messages between parts of a page, and locks.

let messagesPosted = 0;
const countMessages = () => {
  // Whether one is ever taken can't be known.
  for (const holder of [MessagePort.prototype, globalThis]) after(holder, "postMessage", () => void messagesPosted++);
  // Messages to other channels of a name go by another process. A channel of our own hears them too.
  const { BroadcastChannel } = globalThis;
  const echoes = new Map(); // name -> channel, and what ends when it hears the next message
  replace(BroadcastChannel.prototype, "postMessage", {
    apply: (operation, self, args) => {
      if (!echoes.has(self.name)) {
        const [channel, ends] = [new BroadcastChannel(self.name), []];
        channel.onmessage = () => ends.shift()?.();
        echoes.set(self.name, ends);
      }
      Reflect.apply(operation, self, args);
      echoes.get(self.name).push(begin("BroadcastChannel"));
    },
  });
};
// A lock that is free is granted by another process; one that is held comes when the page gives it back.
const countLocks = () => {
  const { query } = globalThis.LockManager?.prototype ?? {};
  after(globalThis.LockManager?.prototype ?? {}, "request", (self) => follow(query.call(self), "LockManager.request"));
};
countMessages();
countLocks();
