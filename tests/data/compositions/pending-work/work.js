// Kinds of work that a page begins and that ends by itself; each calls `done` at its end.
const canvas = () => {
  const made = document.createElement("canvas");
  made.width = made.height = 1000;
  return made;
};
const big = () => new Blob(["x".repeat(2e6)]);
const blobUrl = (...parts) => URL.createObjectURL(new Blob(...parts));
const WORK = {
  "fetch": (done) => {
    fetch("data.json")
      .then((answer) => answer.json())
      .then(done);
  },
  "fetch of a blob": (done) => {
    fetch(blobUrl(["text"]))
      .then((answer) => answer.text())
      .then(done);
  },
  "XMLHttpRequest": (done) => {
    const x = new XMLHttpRequest();
    x.onload = done;
    x.open("GET", "data.json");
    x.send();
  },
  "Blob.text": (done) => {
    big().text().then(done);
  },
  "FileReader": (done) => {
    const r = new FileReader();
    r.onload = done;
    r.readAsDataURL(big());
  },
  "toBlob": (done) => {
    canvas().toBlob(done);
  },
  "convertToBlob": (done) => {
    const c = new OffscreenCanvas(900, 900);
    c.getContext("2d");
    c.convertToBlob().then(done);
  },
  "createImageBitmap": (done) => {
    createImageBitmap(canvas()).then(done);
  },
  "image": (done) => {
    const i = new Image();
    i.onload = done;
    i.src = "/assets/blue.png?" + Math.random();
  },
  "image of a blob": (done) => {
    canvas().toBlob((b) => {
      const i = new Image();
      i.onload = done;
      i.src = URL.createObjectURL(b);
    });
  },
  "image by attribute": (done) => {
    const i = document.createElement("img");
    i.onload = done;
    i.setAttribute("src", canvas().toDataURL());
  },
  "chain of images": (done) => {
    const next = (n) => {
      const i = new Image();
      i.onload = () => (n ? next(n - 1) : done());
      i.src = "/assets/blue.png?" + n;
    };
    next(8);
  },
  "FontFace": (done) => {
    new FontFace("some", "url(/assets/font.ttf)").load().then(done);
  },
  "FontFaceSet.load": (done) => {
    const f = new FontFace("other", "url(/assets/font.ttf?2)");
    document.fonts.add(f);
    document.fonts.load("20px other").then(done);
  },
  "SubtleCrypto": (done) => {
    crypto.subtle
      .importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"])
      .then((key) =>
        crypto.subtle.deriveBits(
          { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 300000 },
          key,
          256,
        ),
      )
      .then(done);
  },
  "IndexedDB": (done) => {
    const r = indexedDB.open("d" + Math.random(), 1);
    r.onupgradeneeded = () => r.result.createObjectStore("s");
    r.onsuccess = () => {
      const t = r.result.transaction("s", "readwrite");
      for (let n = 0; n < 5; n++) t.objectStore("s").put(big(), n);
      t.oncomplete = () => {
        r.result.transaction("s").objectStore("s").openCursor().onsuccess = ({ target }) =>
          target.result ? target.result.continue() : done();
      };
    };
  },
  "Cache": (done) => {
    (async () => {
      const cache = await caches.open("c");
      await cache.put("/z", new Response(big()));
      await (await cache.match("/z")).text();
      done();
    })();
  },
  "OPFS": (done) => {
    (async () => {
      const folder = await navigator.storage.getDirectory();
      const file = await folder.getFileHandle("f", { create: true });
      const sink = await file.createWritable();
      await sink.write(big());
      await sink.close();
      for await (const [name] of folder.entries()) await (await file.getFile()).text();
      await folder.removeEntry("f");
      done();
    })();
  },
  "streams": (done) => {
    (async () => {
      const reader = big().stream().pipeThrough(new CompressionStream("gzip")).getReader();
      while (!(await reader.read()).done);
      for await (const part of big().stream());
      let size = 0;
      await big()
        .stream()
        .pipeTo(new WritableStream({ write: (part) => void (size += part.length) }));
      done();
    })();
  },
  "compression by hand": (done) => {
    const c = new CompressionStream("gzip"),
      w = c.writable.getWriter();
    w.write(new Uint8Array(3e6));
    w.close();
    new Response(c.readable).arrayBuffer().then(done);
  },
  "WebAssembly": (done) => {
    WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))
      .then(WebAssembly.instantiate)
      .then(done);
  },
  "decodeAudioData": (done) => {
    fetch("tone.wav")
      .then((a) => a.arrayBuffer())
      .then((bytes) => new AudioContext().decodeAudioData(bytes, done));
  },
  "OfflineAudioContext": (done) => {
    const o = new OfflineAudioContext(1, 480000, 48000),
      s = new OscillatorNode(o);
    s.connect(o.destination);
    s.start();
    o.oncomplete = done;
    o.startRendering();
  },
  "ImageDecoder": (done) => {
    fetch("/assets/counter.gif").then(async ({ body }) => {
      const decoder = new ImageDecoder({ data: body, type: "image/gif" });
      await decoder.tracks.ready;
      for (let n = 0; n < 5; n++) (await decoder.decode({ frameIndex: n })).image.close();
      done();
    });
  },
  "VideoEncoder": (done) => {
    const e = new VideoEncoder({ output: (chunk) => chunk && done(), error: console.error });
    e.configure({ codec: "vp8", width: 640, height: 360 });
    const frame = new VideoFrame(canvas(), { timestamp: 0 });
    e.encode(frame);
    frame.close();
    e.flush();
  },
  "dynamic import": (done) => {
    import("./module.js?" + Math.random()).then(done);
  },
  "import of a blob": (done) => {
    import(blobUrl(["export default 1"], { type: "text/javascript" })).then(done);
  },
  "script": (done) => {
    const s = document.createElement("script");
    s.onload = done;
    s.src = "script.js";
    document.head.append(s);
  },
  "stylesheet": (done) => {
    const l = document.createElement("link");
    l.rel = "stylesheet";
    l.onload = done;
    l.href = "style.css";
    document.head.append(l);
  },
  "iframe": (done) => {
    const f = document.createElement("iframe");
    f.onload = done;
    f.src = "inner.html";
    document.body.append(f);
  },
  "SVG image": (done) => {
    const s = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    document.body.append(s);
    s.innerHTML = '<image width="9" height="9"/>';
    s.firstChild.onload = done;
    s.firstChild.setAttribute("href", "/assets/orange.png?svg");
  },
  "MessageChannel": (done) => {
    const c = new MessageChannel();
    let n = 0;
    c.port1.onmessage = () => (++n < 30 ? c.port2.postMessage(0) : done());
    c.port2.postMessage(0);
  },
  "BroadcastChannel": (done) => {
    const b = new BroadcastChannel("b");
    b.onmessage = done;
    new BroadcastChannel("b").postMessage(0);
  },
  "Web Locks": (done) => {
    navigator.locks.request("l", async () => done(await big().text()));
  },
  "work of a worker": (done) => {
    const script = `onmessage = async () => {
      await new Response(new Blob(["x".repeat(2e6)]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
      const reader = new FileReader();
      reader.onload = () => {
        const request = indexedDB.open("w" + Math.random());
        request.onsuccess = () => postMessage(0);
      };
      reader.readAsText(new Blob(["x".repeat(2e6)]));
    }`;
    const worker = new Worker(blobUrl([script]));
    worker.onmessage = done;
    worker.postMessage(0);
  },
  "StorageManager": (done) => {
    navigator.storage.estimate().then(done);
  },
};
const messageWithoutEnd = () => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => port2.postMessage(0);
  port2.postMessage(0);
};
// Says how many milliseconds of virtual time a kind of work took.
const begin = (kind) => {
  const at = performance.now();
  const done = () => console.log(JSON.stringify([kind, performance.now() - at]));
  WORK[kind](done);
};
