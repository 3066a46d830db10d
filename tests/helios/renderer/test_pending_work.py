"""Work that a page begins and that ends by itself: it takes no virtual time."""

import json
import re
import shutil
import socket
import struct
import wave
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from helios.errors import CompositionUnsettled
from helios.renderer.composition import LOCAL_ORIGIN
from tests.sampling import every_nth

from .conftest import COMPOSITIONS, Log, Studio

pytestmark = pytest.mark.browser

FOLDER = COMPOSITIONS / "pending-work"
#: Kinds of work in `work.js`.
KINDS = re.findall(r'^  "([\w. ]+)": \(done\) =>', (FOLDER / "work.js").read_text(), re.MULTILINE)


@pytest.fixture
def folder(studio: Studio) -> Iterator[Path]:
    """A folder under the served one, for pages of a single test, with files that pages load."""
    made = studio.root / "pending"
    shutil.copytree(FOLDER, made)
    (made / "data.json").write_text("{}")
    (made / "module.js").write_text("export default 1")
    (made / "script.js").write_text("1")
    (made / "style.css").write_text("p { color: red }")
    (made / "inner.html").write_text("<p>inside")
    with wave.open(str(made / "tone.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48000)
        sound.writeframes(struct.pack("<h", 1000) * 48000 * 4)
    yield made
    shutil.rmtree(made)


def said(studio: Studio, folder: Path, script: str, last: int, **options: Any) -> list[list[Any]]:
    """Play a page to a frame, and return the lists that its console was given, sorted."""
    body = f"<script src=work.js></script><script>{script}</script>"
    (folder / "index.html").write_text(f"<!doctype html><meta charset=utf-8><body>{body}")
    log: Log = []

    async def work() -> None:
        async with studio.page("pending", log=log, **options) as page:
            await page.seek(last, every_frame=False)

    studio.run(work())
    return sorted(json.loads(text) for _, _, text in log if text.startswith("["))


def test_work_that_ends_by_itself_takes_no_time_while_the_page_loads(
    studio: Studio, folder: Path
) -> None:
    script = "Object.keys(WORK).forEach(begin)"
    assert said(studio, folder, script, 0) == sorted([kind, 0] for kind in KINDS)


@every_nth(3)
@pytest.mark.parametrize("kind", KINDS)
def test_work_has_its_result_at_the_time_at_which_it_was_begun(
    studio: Studio, folder: Path, kind: str
) -> None:
    # The second timer is due before the next frame.
    script = f"setTimeout(() => begin({json.dumps(kind)}), 40); setTimeout(() => 0, 45);"
    assert said(studio, folder, script, 2) == [[kind, 0]]


@pytest.mark.parametrize(
    "script",
    [
        "new ReadableStream().getReader().read()",
        "new Response(new ReadableStream()).text()",
        "new TransformStream().readable.getReader().read()",
        "new WritableStream().getWriter().closed",
        "customElements.whenDefined('no-such')",
        "navigator.locks.request('l', () => new Promise(() => {}))",
        "document.body.animate({ opacity: 0 }, 1e6).finished",
        "navigator.serviceWorker.ready",
        "new MessageChannel().port1.postMessage(0)",
        "new BroadcastChannel('unheard').postMessage(0)",
        "messageWithoutEnd()",
        "new Image().decode()",
        "new AudioContext().suspend()",
        "document.body.requestFullscreen()",
    ],
)
def test_what_may_never_end_isnt_waited_for(studio: Studio, folder: Path, script: str) -> None:
    script = f"Promise.resolve({script}).catch(() => {{}}); console.log('[0]')"
    assert said(studio, folder, script, 3, settle_timeout=5) == [[0]]


def test_work_that_takes_too_long_is_named(studio: Studio, folder: Path) -> None:
    script = """
    const name = "PBKDF2", salt = new Uint8Array(8), how = { name, salt, hash: "SHA-512" };
    crypto.subtle.importKey("raw", salt, name, false, ["deriveBits"]).then((key) =>
      crypto.subtle.deriveBits({ ...how, iterations: 1e7 }, key, 8),
    );
    """
    with pytest.raises(CompositionUnsettled) as caught:
        said(studio, folder, script, 0, settle_timeout=0.5)
    assert caught.value.details == ("waiting for SubtleCrypto.deriveBits",)


@pytest.mark.parametrize(
    "script",
    [
        "fetch(url)",
        "new Image().src = url",
        "const s = document.createElement('script'); s.src = url; document.head.append(s)",
        "import(url)",
    ],
)
@pytest.mark.parametrize("begin", ["addEventListener('load', work)", "setTimeout(work, 40)"])
def test_a_request_that_is_never_answered_is_named(
    studio: Studio, folder: Path, script: str, begin: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(CompositionUnsettled) as caught:
            work = f"const work = () => {{ const url = '{url}'; {script} }}; {begin}"
            said(studio, folder, work, 2, settle_timeout=1)
    (named,) = caught.value.details
    assert named.endswith(f" {url}")


def test_a_rejection_stays_the_pages_own(studio: Studio, folder: Path) -> None:
    script = """
    addEventListener("unhandledrejection", ({ reason }) => console.log(`["${reason.name}"]`));
    setTimeout(() => {
      crypto.subtle.digest("none", new Uint8Array()).catch(() => {});
      createImageBitmap(new Blob()).then(() => {});
    }, 40);
    """
    assert said(studio, folder, script, 2) == [["InvalidStateError"]]


def test_operations_look_like_the_browsers_own(studio: Studio, folder: Path) -> None:
    script = """
    console.log(JSON.stringify([
      fetch.name, fetch.length, String(fetch).includes("[native code]"), "prototype" in fetch,
      new Response("") instanceof Response, Response.prototype.constructor === Response,
      Object.keys(Blob.prototype).includes("text"), HTMLCanvasElement.prototype.toBlob.length,
    ]));
    """
    assert said(studio, folder, script, 0) == [["fetch", 1, True, False, True, True, True, 1]]


def bare(studio: Studio, expression: str) -> Any:
    """Evaluate in a page without the runtime, from an origin that may use all there is."""

    async def work() -> Any:
        browser = await studio.browser()
        devtools = browser.devtools
        params = {"url": "about:blank", "enableBeginFrameControl": browser.draws_on_demand}
        target = await devtools.send("Target.createTarget", params)
        attached = await devtools.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        session = attached["sessionId"]
        url = f"{LOCAL_ORIGIN}/pending/inner.html"
        await devtools.send("Page.navigate", {"url": url}, session)
        answer = await devtools.send(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True}, session
        )
        await devtools.send("Target.closeTarget", {"targetId": target["targetId"]})
        return answer["result"]["value"]

    return studio.run(work())


@pytest.mark.usefixtures("folder")
def test_the_operations_that_are_known_are_those_that_the_browser_offers(studio: Studio) -> None:
    """After an update of the browser, write what it offers into `promise_operations.json`."""
    runtime = resources.files("helios.renderer.page") / "runtime"
    known = json.loads((runtime / "promise_operations.json").read_text("utf-8"))
    walk = (runtime / "interfaces.js").read_text("utf-8")
    walk = walk.replace("__HELIOS_PROMISE_OPERATIONS__", "0")
    walk += Path(__file__).with_name("walk_interfaces.js").read_text("utf-8")
    offered = bare(studio, f"(() => {{ {walk}; return findPromiseOperations() }})()")
    assert offered == known


#: Interfaces with an event that tells of an end, and what becomes of it.
ENDS = {
    "counted": {
        "AudioDecoder", "AudioEncoder", "FileReader", "IDBRequest", "IDBTransaction",
        "OfflineAudioContext", "SourceBuffer", "VideoDecoder", "VideoEncoder",
        "XMLHttpRequestEventTarget",
    },
    "known by its request": {
        "Document", "HTMLBodyElement", "HTMLElement", "HTMLFrameSetElement", "MathMLElement",
        "SVGElement",
    },
    "virtual time": {"Animation", "AudioScheduledSourceNode", "SVGAnimationElement"},
    "the clock of a device": {
        "MediaRecorder", "MediaStreamTrack", "SpeechRecognition", "SpeechSynthesisUtterance",
        "XRSession", "webkitSpeechRecognition",
    },
}  # fmt: skip


@pytest.mark.usefixtures("folder")
def test_every_event_that_tells_of_an_end_is_accounted_for(studio: Studio) -> None:
    told = bare(
        studio,
        r"""Object.entries(Object.getOwnPropertyDescriptors(window))
          .filter(([name, { value }]) => value?.prototype && value.prototype.constructor === value)
          .filter(([name, { value }]) => Object.keys(value.prototype).some((key) =>
            /^on(complete|dequeue|done|end|ended|finish|load|loadend|stop|success|updateend|writeend)$/.test(key)))
          .map(([name]) => name)""",
    )
    assert set(told) == set.union(*ENDS.values())


def test_work_in_an_inner_frame_is_waited_for_as_well(studio: Studio, folder: Path) -> None:
    inner = "<script src=work.js></script><script>Object.keys(WORK).forEach(begin)</script>"
    (folder / "framed.html").write_text(f"<!doctype html><body>{inner}")
    script = "document.body.append(Object.assign(document.createElement('iframe'), { src }))"
    found = said(studio, folder, f"const src = 'framed.html'; {script}", 0)
    assert found == sorted([kind, 0] for kind in KINDS)
