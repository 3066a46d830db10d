"""Work that a page begins and that ends by itself: it takes no virtual time."""

import asyncio
import json
import shutil
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios.errors import CompositionUnsettled

from .conftest import FRAMES, Log, Studio

pytestmark = pytest.mark.browser

#: Work by its kind: each calls `done` at its end.
WORK = {
    "fetch": "fetch('data.json').then((answer) => answer.json()).then(done)",
    "fetch of a blob": "fetch(blobUrl()).then((answer) => answer.text()).then(done)",
    "XMLHttpRequest": "const x = new XMLHttpRequest(); x.onload = done; x.open('GET', 'data.json'); x.send()",
    "Blob.text": "big().text().then(done)",
    "FileReader": "const r = new FileReader(); r.onload = done; r.readAsDataURL(big())",
    "toBlob": "canvas().toBlob(done)",
    "convertToBlob": "const c = new OffscreenCanvas(900, 900); c.getContext('2d'); c.convertToBlob().then(done)",
    "createImageBitmap": "createImageBitmap(canvas()).then(done)",
    "image": "const i = new Image(); i.onload = done; i.src = '/assets/blue.png?' + Math.random()",
    "image of a blob": "canvas().toBlob((b) => { const i = new Image(); i.onload = done; i.src = URL.createObjectURL(b) })",
    "image by attribute": "const i = document.createElement('img'); i.onload = done; i.setAttribute('src', canvas().toDataURL())",
    "chain of images": """
        const next = (n) => { const i = new Image(); i.onload = () => n ? next(n - 1) : done(); i.src = '/assets/blue.png?' + n };
        next(8)""",
    "FontFace": "new FontFace('some', 'url(/assets/font.ttf)').load().then(done)",
    "FontFaceSet.load": """
        const f = new FontFace('other', 'url(/assets/font.ttf?2)'); document.fonts.add(f);
        document.fonts.load('20px other').then(done)""",
    "SubtleCrypto": """
        crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']).then((key) =>
          crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 300000 }, key, 256),
        ).then(done)""",
    "IndexedDB": """
        const r = indexedDB.open('d' + Math.random(), 1);
        r.onupgradeneeded = () => r.result.createObjectStore('s');
        r.onsuccess = () => {
          const t = r.result.transaction('s', 'readwrite');
          for (let n = 0; n < 5; n++) t.objectStore('s').put(big(), n);
          t.oncomplete = () => {
            r.result.transaction('s').objectStore('s').openCursor().onsuccess = ({ target }) =>
              target.result ? target.result.continue() : done();
          };
        }""",
    "Cache": """
        (async () => {
          const cache = await caches.open('c');
          await cache.put('/z', new Response(big()));
          await (await cache.match('/z')).text();
          done();
        })()""",
    "OPFS": """
        (async () => {
          const folder = await navigator.storage.getDirectory();
          const file = await folder.getFileHandle('f', { create: true });
          const sink = await file.createWritable();
          await sink.write(big());
          await sink.close();
          for await (const [name] of folder.entries()) await (await file.getFile()).text();
          done();
        })()""",
    "streams": """
        (async () => {
          const reader = big().stream().pipeThrough(new CompressionStream('gzip')).getReader();
          while (!(await reader.read()).done);
          for await (const part of big().stream());
          let size = 0;
          await big().stream().pipeTo(new WritableStream({ write: (part) => void (size += part.length) }));
          done();
        })()""",
    "compression by hand": """
        const c = new CompressionStream('gzip'), w = c.writable.getWriter();
        w.write(new Uint8Array(3e6)); w.close();
        new Response(c.readable).arrayBuffer().then(done)""",
    "WebAssembly": """
        WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).then(WebAssembly.instantiate).then(done)""",
    "decodeAudioData": """
        fetch('tone.wav').then((a) => a.arrayBuffer()).then((bytes) => new AudioContext().decodeAudioData(bytes, done))""",
    "OfflineAudioContext": """
        const o = new OfflineAudioContext(1, 480000, 48000), s = new OscillatorNode(o);
        s.connect(o.destination); s.start(); o.oncomplete = done; o.startRendering()""",
    "ImageDecoder": """
        fetch('/assets/counter.gif').then(async ({ body }) => {
          const decoder = new ImageDecoder({ data: body, type: 'image/gif' });
          await decoder.tracks.ready;
          for (let n = 0; n < 5; n++) (await decoder.decode({ frameIndex: n })).image.close();
          done();
        })""",
    "VideoEncoder": """
        const e = new VideoEncoder({ output: (chunk) => chunk && done(), error: console.error });
        e.configure({ codec: 'vp8', width: 640, height: 360 });
        const frame = new VideoFrame(canvas(), { timestamp: 0 });
        e.encode(frame); frame.close(); e.flush()""",
    "dynamic import": "import('./module.js?' + Math.random()).then(done)",
    "import of a blob": "import(URL.createObjectURL(new Blob(['export default 1'], { type: 'text/javascript' }))).then(done)",
    "script": "const s = document.createElement('script'); s.onload = done; s.src = 'script.js'; document.head.append(s)",
    "stylesheet": """
        const l = document.createElement('link'); l.rel = 'stylesheet'; l.onload = done; l.href = 'style.css';
        document.head.append(l)""",
    "iframe": "const f = document.createElement('iframe'); f.onload = done; f.src = 'inner.html'; document.body.append(f)",
    "SVG image": """
        const s = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
        document.body.append(s);
        s.innerHTML = '<image width="9" height="9"/>'; s.firstChild.onload = done;
        s.firstChild.setAttribute('href', '/assets/orange.png?svg')""",
    "MessageChannel": "const c = new MessageChannel(); let n = 0; c.port1.onmessage = () => ++n < 30 ? c.port2.postMessage(0) : done(); c.port2.postMessage(0)",
    "BroadcastChannel": "const b = new BroadcastChannel('b'); b.onmessage = done; new BroadcastChannel('b').postMessage(0)",
    "Web Locks": "navigator.locks.request('l', async () => done(await big().text()))",
    "StorageManager": "navigator.storage.estimate().then(done)",
}  # fmt: skip

_PAGE = """<!doctype html><meta charset=utf-8><body><script>
const canvas = () => { const c = document.createElement('canvas'); c.width = c.height = 1000; return c; };
const big = () => new Blob(["x".repeat(2e6)]);
const blobUrl = () => URL.createObjectURL(big());
const begin = (name, work) => {
  const at = performance.now();
  let ended = false;
  const done = () => {
    if (!ended) console.log(JSON.stringify([name, performance.now() - at]));
    ended = true;
  };
  work(done);
};
"""


@pytest.fixture
def folder(studio: Studio) -> Iterator[Path]:
    """A folder under the served one, for pages of a single test, with files that pages load."""
    made = studio.root / "pending"
    made.mkdir()
    (made / "data.json").write_text("{}")
    (made / "module.js").write_text("export default 1")
    (made / "script.js").write_text("1")
    (made / "style.css").write_text("p { color: red }")
    (made / "inner.html").write_text("<p>inside")
    (made / "inner.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with wave.open(str(made / "tone.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48000)
        sound.writeframes(struct.pack("<h", 1000) * 48000 * 4)
    yield made
    shutil.rmtree(made)


def took(studio: Studio, folder: Path, script: str, last: int) -> dict[str, float]:
    """Return the milliseconds of virtual time that each work of a page took."""
    (folder / "index.html").write_text(f"{_PAGE}{script}</script>")
    log: Log = []

    async def work() -> None:
        async with studio.page("pending", log=log) as page:
            await page.seek(last, every_frame=False)

    studio.run(work())
    return dict(json.loads(text) for _, _, text in log if text.startswith("["))


def test_work_that_ends_by_itself_takes_no_time_while_the_page_loads(
    studio: Studio, folder: Path
) -> None:
    script = "".join(f"begin({json.dumps(k)}, (done) => {{ {w} }});\n" for k, w in WORK.items())
    assert took(studio, folder, script, 0) == dict.fromkeys(WORK, 0)


@pytest.mark.parametrize("kind", WORK)
def test_work_has_its_result_at_the_time_at_which_it_was_begun(
    studio: Studio, folder: Path, kind: str
) -> None:
    # The second timer is due before the next frame.
    script = f"""
    setTimeout(() => begin("work", (done) => {{ {WORK[kind]} }}), 40);
    setTimeout(() => 0, 45);
    """
    assert took(studio, folder, script, 2) == {"work": 0}
