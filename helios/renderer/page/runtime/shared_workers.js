// Shared workers: those of this page, in all its frames, are workers of its outermost frame.
//
// The page is the only one of its browser. So what it shares is shared with itself, and such a worker
// keeps time as the others do.

const sharedWorkers = new Map(); // address, name and type -> worker
const connect = (url, options, port) => {
  const { name = "", type = "classic", credentials = "same-origin" } = options;
  const key = JSON.stringify([url, name, type]);
  if (!sharedWorkers.has(key)) {
    sharedWorkers.set(key, new DrivenWorker(url, { name, type, credentials, [KEY]: "shared" }));
  }
  const worker = sharedWorkers.get(key);
  postMessage.call(worker, { [KEY]: { connect: port } }, [port]);
  return worker;
};
const connectOutermost = (...args) => (parentRuntime()?.connect ?? connect)(...args);
if (window.SharedWorker) {
  window.SharedWorker = class SharedWorker extends EventTarget {
    #onerror = null;
    constructor(url, options = {}) {
      super();
      const given = typeof options === "string" ? { name: options } : options;
      const { port1, port2 } = new MessageChannel();
      Object.defineProperty(this, "port", { value: port1, enumerable: true });
      native.listen.call(port1, "message", () => void workerMessages++);
      const worker = connectOutermost(new URL(url, document.baseURI).href, given, port2);
      native.listen.call(worker, "error", () => this.dispatchEvent(new Event("error")));
    }
    get onerror() {
      return this.#onerror;
    }
    set onerror(handler) {
      if (this.#onerror) this.removeEventListener("error", this.#onerror);
      this.#onerror = typeof handler === "function" ? handler : null;
      if (this.#onerror) this.addEventListener("error", this.#onerror);
    }
  };
}
