// Walks the interfaces of a browser for the operations that return a promise. `holderOf` is that of the
// runtime, which stands before it.

// An operation that returns a promise answers a receiver that it can't work on by a rejected
// promise, where all others throw (Web IDL, "creating an operation function"). Calling every one
// on an empty object therefore tells which they are, without doing anything.
const returnsPromise = (operation) => {
  try {
    const answer = Reflect.apply(operation, Object.create(null), []);
    if (!(answer instanceof Promise)) return false;
    answer.catch(() => {});
    return true;
  } catch {
    return false;
  }
};
const operationsOf = (holder, isStatic) =>
  Object.entries(Object.getOwnPropertyDescriptors(holder))
    // A static operation has no receiver to refuse: one without arguments would be carried out.
    .filter(([, { value }]) => typeof value === "function" && !value.prototype && !(isStatic && !value.length))
    .filter(([, { value }]) => returnsPromise(value))
    .map(([name]) => name);

// Return { holder: names of its operations that return a promise }.
const findPromiseOperations = () => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // thousands of errors are made
  const found = {};
  const look = (name, isStatic) => {
    const operations = operationsOf(holderOf(name), isStatic);
    if (operations.length) found[name] = operations.sort();
  };
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(globalThis))) {
    if (value === globalThis) continue;
    const isNamespace = typeof value === "object" && value?.[Symbol.toStringTag];
    if (isNamespace || (typeof value === "function" && value.prototype)) look(name, !isNamespace);
    if (typeof value === "function" && value.prototype && value.prototype.constructor === value) look(`${name}.prototype`);
  }
  look("FontFaceSet.prototype");
  look("window");
  Error.stackTraceLimit = stackTraceLimit;
  return found;
};

