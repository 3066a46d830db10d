// The interfaces of the browser, walked for the operations that return a promise.

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

const ownFonts = () => globalThis.document?.fonts ?? globalThis.fonts; // a worker has its own
// Where an interface or namespace keeps its operations: `Blob`, `FontFace.prototype`, ...
const holderOf = (name) => {
  if (name === "window") return globalThis;
  if (name === "FontFaceSet.prototype") return Object.getPrototypeOf(ownFonts() ?? {}); // not exposed by its name
  const [owner, prototype] = name.split(".");
  const value = Object.getOwnPropertyDescriptor(globalThis, owner)?.value;
  return prototype ? value?.prototype : value;
};
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

// Walking takes a tenth of a second, so the outcome for the browser that is released with this
// package is kept beside this file. Any other browser is walked.
const promiseOperations = () => {
  const known = __HELIOS_PROMISE_OPERATIONS__;
  const [, version] = /Chrome\/(\d+)/.exec(navigator.userAgent) ?? [];
  return known.version === Number(version) ? known.operations : findPromiseOperations();
};
