// The operations of the browser that return a promise, as a list of its interfaces and their names.
//
// A test walks the browser that the project is developed with, which takes a tenth of a second, and
// compares. In other browsers, those of the list that they have count.

const ownFonts = () => globalThis.document?.fonts ?? globalThis.fonts; // a worker has its own
// Where an interface or namespace keeps its operations: `Blob`, `FontFace.prototype`, ...
const holderOf = (name) => {
  if (name === "window") return globalThis;
  if (name === "FontFaceSet.prototype") return Object.getPrototypeOf(ownFonts() ?? {}); // not exposed by its name
  const [owner, prototype] = name.split(".");
  const value = Object.getOwnPropertyDescriptor(globalThis, owner)?.value;
  return prototype ? value?.prototype : value;
};
const PROMISE_OPERATIONS = __HELIOS_PROMISE_OPERATIONS__;
