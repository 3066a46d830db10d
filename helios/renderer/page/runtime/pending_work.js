// Work that ends by itself, and that a frame may be waiting for.

const busy = new Map(); // promise -> what it is about
const watch = (owner, ...names) => {
  for (const name of names) {
    const original = owner[name];
    if (!original) continue;
    owner[name] = function (...args) {
      const result = original.apply(this, args);
      const done = () => busy.delete(result);
      busy.set(result, name);
      result.then(done, done);
      return result;
    };
  }
};
watch(window, "createImageBitmap", "fetch");
watch(Response.prototype, "arrayBuffer", "blob", "formData", "json", "text");
watch(Blob.prototype, "arrayBuffer", "text");
watch(FontFace.prototype, "load");
watch(HTMLImageElement.prototype, "decode");
const working = () => [...busy.values()].filter((name) => name !== "decode");
// The browser decodes an image while it draws.
const decoding = () => [...busy.values()].includes("decode");
