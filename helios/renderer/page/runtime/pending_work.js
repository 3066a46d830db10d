// Work that ends by itself, and that a frame waits for: what is outstanding now.

const outstanding = new Map(); // token -> what is waited for
let workBegun = 0; // how often work has begun
const begin = (name) => {
  const token = {};
  outstanding.set(token, name);
  workBegun++;
  return () => void outstanding.delete(token);
};

// The page gets a promise that settles with the browser's: its own rejections stay its own.
const follow = (promise, name) => {
  const end = begin(name);
  return native.then.call(
    promise,
    (value) => (end(), value),
    (reason) => {
      end();
      throw reason;
    },
  );
};

// Objects that tell by their state that they have ended.
const unfinished = new Map(); // object -> [what is waited for, whether it has ended]
const finish = (object, name, hasEnded) => {
  unfinished.set(object, [name, hasEnded]);
  workBegun++;
};
const stillUnfinished = () => {
  const names = [];
  for (const [object, [name, hasEnded]] of unfinished) {
    if (hasEnded(object)) unfinished.delete(object);
    else names.push(typeof name === "function" ? name() : name);
  }
  return names;
};

// --- putting something before the browser's own ---------------------------------------------------

const replace = (holder, name, make) => {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  if (typeof descriptor?.value !== "function") return;
  Object.defineProperty(holder, name, { ...descriptor, value: new Proxy(descriptor.value, make) });
};
const after = (holder, name, note) =>
  replace(holder, name, {
    apply: (operation, self, args) => {
      const result = Reflect.apply(operation, self, args);
      note(self, result, args);
      return result;
    },
  });
const operationNames = (holder) =>
  Object.entries(Object.getOwnPropertyDescriptors(holder))
    .filter(([name, { value }]) => typeof value === "function" && name !== "constructor")
    .map(([name]) => name);
