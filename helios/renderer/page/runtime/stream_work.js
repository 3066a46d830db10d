// Streams: those of the browser's own are followed to their readers.

const passOn = (holder, name, results = (result) => [result]) =>
  replace(holder, name, {
    apply: (operation, self, args) => {
      const result = Reflect.apply(operation, self, args);
      if (ending.has(self)) for (const one of results(result)) ending.add(one);
      return result;
    },
  });
const followStreams = () => {
  replace(Blob.prototype, "stream", {
    apply: (operation, self, args) => {
      const stream = Reflect.apply(operation, self, args);
      ending.add(stream);
      return stream;
    },
  });
  for (const name of ["Request", "Response"]) {
    const { prototype } = globalThis[name];
    const body = Object.getOwnPropertyDescriptor(prototype, "body");
    const get = function () {
      const stream = body.get.call(this);
      if (stream && !unending.has(this)) ending.add(stream);
      return stream;
    };
    Object.defineProperty(prototype, "body", { ...body, get });
    replace(globalThis, name, {
      construct: (constructor, args, target) => {
        const made = Reflect.construct(constructor, args, target);
        const source = name === "Request" ? args[1]?.body : args[0];
        if (source instanceof ReadableStream && !ending.has(source)) unending.add(made);
        return made;
      },
    });
    prototype.constructor = globalThis[name];
  }
  passOn(ReadableStream.prototype, "pipeThrough");
  passOn(ReadableStream.prototype, "tee", (result) => result);
  passOn(ReadableStream.prototype, "getReader");
  const iterators = new WeakSet(); // prototypes that are followed
  const followIterator = (iterator) => {
    ending.add(iterator);
    const prototype = Object.getPrototypeOf(iterator);
    if (iterators.has(prototype)) return;
    iterators.add(prototype);
    replace(prototype, "next", {
      apply: (next, self, args) => {
        const result = Reflect.apply(next, self, args);
        return ending.has(self) ? follow(result, "the next of an iterator") : result;
      },
    });
  };
  for (const name of ["values", Symbol.asyncIterator]) {
    after(ReadableStream.prototype, name, (self, iterator) => ending.has(self) && followIterator(iterator));
  }
  for (const name of ["entries", "keys", "values", Symbol.asyncIterator]) {
    after(globalThis.FileSystemDirectoryHandle?.prototype ?? {}, name, (_, iterator) => followIterator(iterator));
  }
};
followStreams();
