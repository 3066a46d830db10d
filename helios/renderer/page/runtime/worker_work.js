// Work of a worker that ends by itself: its answer waits for that.

const outstanding = new Set();
const watch = (owner, ...names) => {
  for (const name of names) {
    const original = owner?.[name];
    if (typeof original !== "function") continue;
    owner[name] = function (...args) {
      const result = original.apply(this, args);
      const done = () => void outstanding.delete(result);
      outstanding.add(result);
      Promise.resolve(result).then(done, done);
      return result;
    };
  }
};
const BODY = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"];
watch(globalThis, "fetch", "createImageBitmap");
watch(globalThis.Response?.prototype, ...BODY);
watch(globalThis.Request?.prototype, ...BODY);
watch(globalThis.Blob?.prototype, "arrayBuffer", "bytes", "text");
watch(globalThis.FontFace?.prototype, "load");
watch(globalThis.ImageDecoder?.prototype, "decode");
watch(globalThis.OffscreenCanvas?.prototype, "convertToBlob");
watch(globalThis.WebAssembly, "compile", "compileStreaming", "instantiate", "instantiateStreaming");
watch(globalThis.SubtleCrypto?.prototype, ...Object.getOwnPropertyNames(globalThis.SubtleCrypto?.prototype ?? {}).filter((name) => name !== "constructor"));
const workFinished = async () => {
  await hop();
  while (outstanding.size) {
    await Promise.allSettled(outstanding);
    await hop();
  }
};
