// Work that ends by itself, and that a frame waits for.

const outstanding = new Map(); // token -> what is waited for
let workBegun = 0; // how often work has begun, or a task been queued
const begin = (name) => {
  const token = {};
  outstanding.set(token, name);
  workBegun++;
  return () => void outstanding.delete(token);
};

// --- promises ---------------------------------------------------------------------------------

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

// What doesn't end by itself within a frame isn't waited for: what follows virtual time, what takes
// a person, hardware or another machine, and what takes the page's own scripts.
const UNENDING = {
  time: /^(Animation|AudioContext|HTMLMediaElement|Profiler|Scheduler|ViewTransition)\.|\.scroll/,
  people:
    /^(Before|BrowserCapture|CaptureC|Clipboard|Credential|Document(\.|Picture)|EyeDropper|Idle|Keyboard|MediaKey|Navigator\.(re|cl|se|ad|join|leave)|Payment|PushM|ScreenO|ServiceWorkerRegistration\.show|WakeLock)|\.request(Fullscreen|Permission|PictureInPicture|PointerLock|Window)$|^window\.(get|query|show)/i,
  hardware:
    /^(Bluetooth|Gamepad|GPUDevice\.lost|HID|ImageCapture|Ink|MediaDevices|MediaStreamTrack|MIDI|Presentation|Pressure|Remote|Serial|Sensor|Speech|USB|XR)/,
  machines:
    /^(Background|Identity|Language|PeriodicSync|Proofreader|PublicKey|Push|Rewriter|RTC|SharedStorage|Summarizer|Sync|Translator|WebSocketStream|WebTransport|webkitRTC|webkitSpeech|Writer)/,
  scripts:
    /^(Array|AsyncDisposableStack|CustomElementRegistry|FileSystemObserver|LockManager|Navigation|Observable|OfflineAudioContext\.(resume|suspend))|^WritableStream/,
};
const isUnending = (name) => Object.values(UNENDING).some((rule) => rule.test(name));

const replace = (holder, name, make) => {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  if (typeof descriptor?.value !== "function") return;
  Object.defineProperty(holder, name, { ...descriptor, value: new Proxy(descriptor.value, make) });
};
// A decoded image is handed over while the browser draws: see `decoding`.
const isDecoding = (name) => /^(HTML|SVG)ImageElement\.decode$/.test(name);

// Streams and bodies of the browser's own end by themselves; what a page's own stream feeds ends
// when the page says so.
const ending = new WeakSet(); // streams and their readers
const unending = new WeakSet(); // bodies
const endsByItself = (self) => {
  if (self instanceof ReadableStream || self instanceof ReadableStreamDefaultReader) return ending.has(self);
  if (self instanceof ReadableStreamBYOBReader) return ending.has(self);
  return !unending.has(self);
};
const addressed = (name, [asked]) => (name === "fetch" ? `fetch ${asked?.url ?? asked}` : name);
const countPromises = (operations) => {
  for (const [holderName, names] of Object.entries(operations)) {
    const holder = holderOf(holderName);
    if (!holder) continue;
    const owner = holderName.replace(".prototype", "");
    for (const name of names) {
      if (isUnending(`${owner}.${name}`)) continue;
      const title = owner === "window" ? name : `${owner}.${name}`;
      replace(holder, name, {
        apply: (operation, self, args) => {
          const result = Reflect.apply(operation, self, args);
          if (!(result instanceof native.Promise) || !endsByItself(self)) return result;
          return follow(result, addressed(title, args));
        },
      });
    }
  }
};

// --- streams ----------------------------------------------------------------------------------

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
    const { prototype } = window[name];
    const body = Object.getOwnPropertyDescriptor(prototype, "body");
    const get = function () {
      const stream = body.get.call(this);
      if (stream && !unending.has(this)) ending.add(stream);
      return stream;
    };
    Object.defineProperty(prototype, "body", { ...body, get });
    replace(window, name, {
      construct: (constructor, args, target) => {
        const made = Reflect.construct(constructor, args, target);
        const source = name === "Request" ? args[1]?.body : args[0];
        if (source instanceof ReadableStream && !ending.has(source)) unending.add(made);
        return made;
      },
    });
    prototype.constructor = window[name];
  }
  passOn(ReadableStream.prototype, "pipeThrough");
  passOn(ReadableStream.prototype, "tee", (result) => result);
  passOn(ReadableStream.prototype, "getReader");
  const iterators = new WeakSet();
  const iterated = (stream) => (iterator) => {
    const prototype = Object.getPrototypeOf(iterator);
    if (iterators.has(prototype)) return [iterator];
    iterators.add(prototype);
    replace(prototype, "next", {
      apply: (next, self, args) => {
        const result = Reflect.apply(next, self, args);
        return !stream || ending.has(self) ? follow(result, "an iterator's next") : result;
      },
    });
    return [iterator];
  };
  for (const name of ["values", Symbol.asyncIterator]) passOn(ReadableStream.prototype, name, iterated(true));
};

// --- callbacks --------------------------------------------------------------------------------

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

// --- objects that tell by an event, or by their state, that they have ended ----------------------

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

const countReaders = () => {
  const ended = (reader) => reader.readyState !== FileReader.LOADING;
  for (const name of operationNames(FileReader.prototype)) {
    if (name.startsWith("read")) after(FileReader.prototype, name, (self) => finish(self, `FileReader.${name}`, ended));
  }
  const sent = new WeakMap();
  const openedAnew = (request) => sent.get(request)?.();
  after(XMLHttpRequest.prototype, "open", openedAnew);
  after(XMLHttpRequest.prototype, "send", (self) => {
    if (self.readyState === XMLHttpRequest.DONE) return;
    const end = begin(`XMLHttpRequest ${self.responseURL}`.trim());
    sent.set(self, end);
    native.addEventListener.call(self, "loadend", end, { once: true });
  });
};
const countDatabases = () => {
  const ended = (request) => request.readyState === "done";
  for (const owner of ["IDBObjectStore", "IDBIndex", "IDBCursor"]) {
    for (const name of operationNames(window[owner]?.prototype ?? {})) {
      after(window[owner].prototype, name, (self, result) => {
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
      for (const type of ["success", "error", "blocked"]) native.addEventListener.call(request, type, end, { once: true });
    });
  }
  after(IDBDatabase.prototype, "transaction", (self, transaction) => {
    const end = begin("IDBTransaction");
    for (const type of ["complete", "abort"]) native.addEventListener.call(transaction, type, end, { once: true });
  });
};
const countCodecs = () => {
  for (const [kind, verb] of [["Decoder", "decode"], ["Encoder", "encode"]]) {
    for (const name of [`Audio${kind}`, `Video${kind}`]) {
      const ended = (codec) => codec.state !== "configured" || codec[`${verb}QueueSize`] === 0;
      after(window[name]?.prototype ?? {}, verb, (self) => finish(self, `${name}.${verb}`, ended));
    }
  }
  if (!window.ImageDecoder) return;
  replace(window, "ImageDecoder", {
    construct: (constructor, args, target) => {
      const decoder = Reflect.construct(constructor, args, target);
      const { data } = args[0];
      if (data instanceof ReadableStream && !ending.has(data)) unending.add(decoder);
      else follow(decoder.tracks.ready, "ImageDecoder.tracks").catch(() => {});
      return decoder;
    },
  });
  ImageDecoder.prototype.constructor = window.ImageDecoder;
};
// Images load wherever they are, also outside of the document.
const countImages = () => {
  const { prototype } = HTMLImageElement;
  const ended = (image) => image.complete;
  const note = (image) => {
    if (image.complete) return;
    if (image.loading === "lazy") image.loading = "eager";
    finish(image, () => `image ${image.currentSrc || image.src}`, ended);
  };
  for (const name of ["src", "srcset"]) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    const set = function (value) {
      descriptor.set.call(this, value);
      note(this);
    };
    Object.defineProperty(prototype, name, { ...descriptor, set });
  }
  const { setAttribute } = Element.prototype;
  prototype.setAttribute = function (name, value) {
    setAttribute.call(this, name, value);
    if (/^src(set)?$/i.test(name)) note(this);
  };
};

// --- messages ---------------------------------------------------------------------------------

// Whether a message is ever taken can't be known: one that is sent is given the time of some tasks.
const countMessages = () => {
  for (const holder of [MessagePort.prototype, window]) after(holder, "postMessage", () => void workBegun++);
  // Messages to other channels of a name go by another process. A channel of our own hears them too.
  const { BroadcastChannel } = window;
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
  const { query } = window.LockManager?.prototype ?? {};
  after(window.LockManager?.prototype ?? {}, "request", (self) => follow(query.call(self), "LockManager.request"));
};

countPromises(promiseOperations());
countCallbacks();
followStreams();
countReaders();
countDatabases();
countCodecs();
countImages();
countMessages();
countLocks();

const working = () => {
  const names = [...outstanding.values()].filter((name) => !isDecoding(name));
  if (document.fonts.status === "loading") names.push("fonts");
  return [...new Set([...names, ...stillUnfinished()])];
};
// The browser decodes an image while it draws.
const decoding = () => [...outstanding.values()].some(isDecoding);

// Tasks in a row in which nothing begins before all counts as done: what ended may begin the next.
const QUIET_TASKS = 4;
// Wait until nothing is outstanding and nothing follows from what was, or the time limit is over.
const untilIdle = async (asksNetwork = false) => {
  let seen = workBegun;
  await hop();
  if (!asksNetwork && seen === workBegun && !working().length) return;
  const deadline = native.now() + config.settleTimeout;
  for (let quiet = 0, pause = 0; native.now() < deadline; ) {
    const isQuiet = seen === workBegun && !working().length;
    seen = workBegun;
    quiet = isQuiet ? quiet + 1 : 0;
    if (quiet === QUIET_TASKS) {
      if (!asksNetwork || !(await untilNetworkIdle())) return;
      quiet = 0;
    }
    if (isQuiet || pause < 4) await hop();
    else await sleep(Math.min(pause - 4, 20));
    pause = isQuiet ? 0 : pause + 1;
  }
};
