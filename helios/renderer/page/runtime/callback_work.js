// Operations that call back, and objects that tell their end by an event or by their state.

// Operations that call back once. A function object doesn't tell what it does with its arguments.
const CALLING_BACK = {
  "DataTransferItem.prototype": ["getAsString"],
  "HTMLCanvasElement.prototype": ["toBlob"],
  window: ["webkitRequestFileSystem", "webkitResolveLocalFileSystemURL"],
};
const countCallbacks = () => {
  for (const [holderName, names] of Object.entries(CALLING_BACK)) {
    for (const name of names) {
      const title = `${holderName.replace(".prototype", "")}.${name}`;
      replace(holderOf(holderName) ?? {}, name, {
        apply: (operation, self, args) => {
          let end = () => {};
          const passed = args.map((argument) => {
            if (typeof argument !== "function") return argument;
            return function (...answers) {
              end();
              return argument.apply(this, answers);
            };
          });
          const result = Reflect.apply(operation, self, passed);
          end = begin(title);
          return result;
        },
      });
    }
  }
};

const countReaders = () => {
  const ended = (reader) => reader.readyState !== FileReader.LOADING;
  for (const name of operationNames(FileReader.prototype)) {
    if (name.startsWith("read")) after(FileReader.prototype, name, (self) => finish(self, `FileReader.${name}`, ended));
  }
  if (!globalThis.XMLHttpRequest) return;
  const requests = new WeakMap(); // request -> { url, end }
  after(XMLHttpRequest.prototype, "open", (self, _, [, url]) => {
    requests.get(self)?.end();
    requests.set(self, { url, end: () => {} });
  });
  after(XMLHttpRequest.prototype, "send", (self) => {
    if (self.readyState === XMLHttpRequest.DONE) return;
    const request = requests.get(self);
    request.end = begin(`XMLHttpRequest ${request.url}`);
    native.listen.call(self, "loadend", request.end, { once: true });
  });
};
const countDatabases = () => {
  const ended = (request) => request.readyState === "done";
  for (const owner of ["IDBObjectStore", "IDBIndex", "IDBCursor"]) {
    for (const name of operationNames(globalThis[owner]?.prototype ?? {})) {
      after(globalThis[owner].prototype, name, (self, result) => {
        // A cursor that moves on answers by the request that opened it.
        const request = result instanceof IDBRequest ? result : self.request;
        if (request instanceof IDBRequest) finish(request, `${owner}.${name}`, ended);
      });
    }
  }
  // Opening is done for a while, between an upgrade and success.
  for (const name of ["open", "deleteDatabase"]) {
    after(IDBFactory.prototype, name, (self, request) => {
      const end = begin(`IDBFactory.${name}`);
      for (const type of ["success", "error", "blocked"]) native.listen.call(request, type, end, { once: true });
    });
  }
  after(IDBDatabase.prototype, "transaction", (self, transaction) => {
    const end = begin("IDBTransaction");
    for (const type of ["complete", "abort"]) native.listen.call(transaction, type, end, { once: true });
  });
};
const countCodecs = () => {
  for (const name of ["appendBuffer", "remove"]) {
    const ended = (buffer) => !buffer.updating;
    after(globalThis.SourceBuffer?.prototype ?? {}, name, (self) => finish(self, `SourceBuffer.${name}`, ended));
  }
  for (const [kind, verb] of [["Decoder", "decode"], ["Encoder", "encode"]]) {
    for (const name of [`Audio${kind}`, `Video${kind}`]) {
      const ended = (codec) => codec.state !== "configured" || codec[`${verb}QueueSize`] === 0;
      after(globalThis[name]?.prototype ?? {}, verb, (self) => finish(self, `${name}.${verb}`, ended));
    }
  }
  if (!globalThis.ImageDecoder) return;
  replace(globalThis, "ImageDecoder", {
    construct: (constructor, args, target) => {
      const decoder = Reflect.construct(constructor, args, target);
      const { data } = args[0];
      if (data instanceof ReadableStream && !ending.has(data)) unending.add(decoder);
      else follow(decoder.tracks.ready, "ImageDecoder.tracks").catch(() => {});
      return decoder;
    },
  });
  ImageDecoder.prototype.constructor = globalThis.ImageDecoder;
};

countCallbacks();
countReaders();
countDatabases();
countCodecs();
