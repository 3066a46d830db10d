"""Work that a frame has to wait for, and clocks that it has to follow."""

from typing import Any

from tests.cases.case import case
from tests.cases.shown import GREEN, Shown, near

_SQUARE = "i { display: block; width: 20px; height: 20px; background: rgb(204, 0, 0) }"
_ROW = f"{_SQUARE} body {{ display: flex }}"
_GREEN = 'const done = (id) => (document.getElementById(id).style.background = "rgb(0, 160, 0)");'


def _squares(*names: str) -> str:
    return "".join(f'<i id="{name}"></i>' for name in names)


def _is_green(shown: Shown, squares: int, frames: tuple[int, ...]) -> None:
    for square in range(squares):
        found = shown.colours(20 * square + 10, 10, frames)
        assert found == near([GREEN] * len(frames), 40), f"square {square}"


def _waits(name: str, script: str, *names: str, head: str = "", **options: Any) -> None:
    """Add a page whose squares are green from the first frame on."""

    def check(shown: Shown) -> None:
        _is_green(shown, len(names), (0, 4, 9))

    check.__name__ = name
    body = f"{head}{_squares(*names)}<script type=module>{_GREEN}\n{script}</script>"
    case(body, css=_ROW, seconds=0.34, **options)(check)


_waits(
    "work_that_ends_by_itself",
    """
const module = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
WebAssembly.compile(module).then(() => done("wasm"));
const open = indexedDB.open(`d${Math.random()}`, 1);
open.onupgradeneeded = () => open.result.createObjectStore("s");
open.onsuccess = () => {
  const put = open.result.transaction("s", "readwrite");
  put.objectStore("s").put(new Blob(["x".repeat(1e6)]), "k");
  put.oncomplete = () =>
    (open.result.transaction("s").objectStore("s").get("k").onsuccess = () => done("database"));
};
const reader = new FileReader();
reader.onload = () => done("reader");
reader.readAsDataURL(new Blob([new Uint8Array(5e6)]));
const canvas = Object.assign(document.createElement("canvas"), { width: 1500, height: 1500 });
canvas.getContext("2d").fillRect(0, 0, 900, 900);
canvas.toBlob((blob) => {
  const image = new Image();
  image.onload = () => done("blob");
  image.src = URL.createObjectURL(blob);
});
const packed = new Blob([new Uint8Array(2e7)]).stream().pipeThrough(new CompressionStream("gzip"));
new Response(packed).arrayBuffer().then(() => done("gzip"));
crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"])
  .then((key) => crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 300000 }, key, 256))
  .then(() => done("crypto"));
caches.open("c").then(async (cache) => {
  await cache.put("/z", new Response("hi"));
  await (await cache.match("/z")).text();
  done("cache");
});
fetch("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
  .then(async (answer) => {
    const decoder = new ImageDecoder({ data: await answer.arrayBuffer(), type: "image/png" });
    await decoder.decode();
    done("image");
  });
""",
    *("wasm", "database", "reader", "blob", "gzip", "crypto", "cache", "image"),
)
_waits(
    "background_from_a_canvas",
    """
const canvas = Object.assign(document.createElement("canvas"), { width: 3000, height: 3000 });
const context = canvas.getContext("2d");
context.fillStyle = "rgb(0, 160, 0)";
context.fillRect(0, 0, 3000, 3000);
canvas.toBlob((blob) => {
  document.getElementById("square").style.background = `url(${URL.createObjectURL(blob)}) 0 0/20px`;
});
""",
    "square",
)
_waits(
    "work_of_seconds",
    """
const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
const salt = new Uint8Array(8);
await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 3e6 }, key, 256);
done("square");
""",
    "square",
)
_waits(
    "modules_and_requests",
    """
import data from "./lib/d.json" with { type: "json" };
import sheet from "./lib/b.css" with { type: "css" };
import { three } from "lib/three";
const check = (id, right) => right && done(id);
document.adoptedStyleSheets = [sheet];
check("json", data.n === 7);
check("map", three === 3);
const text = await (await fetch(new URL("./lib/x.csv?z=1", import.meta.url))).text();
check("fetch", text === "a,b\\n1,2\\n");
const request = new XMLHttpRequest();
request.open("GET", "lib/d.json", false);
request.send();
check("request", JSON.parse(request.response).n === 7);
check("css", getComputedStyle(document.body).getPropertyValue("--b").trim() === "2");
check("late", (await import("./lib/late.js")).default === 9);
check("head", (await fetch("lib/d.json", { method: "HEAD" })).ok);
const range = await fetch("lib/x.csv", { headers: { Range: "bytes=0-2" } });
check("range", range.status === 206 && (await range.text()) === "a,b");
""",
    *("json", "map", "fetch", "request", "css", "late", "head", "range"),
    head="""<script type="importmap">{ "imports": { "lib/three": "./lib/three.mjs" } }</script>""",
    files={
        "lib/d.json": '{"n": 7}',
        "lib/b.css": "body { --b: 2 }",
        "lib/three.mjs": "export const three = 3;",
        "lib/x.csv": "a,b\n1,2\n",
        "lib/late.js": "export default 9;",
    },
)
_waits(
    "first_visit",
    """
const visits = Number(localStorage.getItem("visits")) + 1;
localStorage.setItem("visits", visits);
if (visits === 1 && !document.cookie) done("square");
document.cookie = "seen=1";
""",
    "square",
    fresh=True,
)


@case(
    f"""{_squares("posted", "aborted", "finished", "ten")}
<script>
{_GREEN}
scheduler.postTask(() => done("posted"), {{ delay: 500 }});
AbortSignal.timeout(500).onabort = () => done("aborted");
posted.animate({{ opacity: [1, 1] }}, 500).finished.then(() => done("finished"));
(async () => {{
  for (let i = 0; i < 10; i++) await new Promise((then) => setTimeout(then, 50));
  done("ten");
}})();
</script>
<marquee scrollamount="6"><b>moving</b></marquee>""",
    css=_ROW.replace("204, 0, 0", "136, 136, 136") + "marquee { position: absolute; top: 40px }",
    seconds=0.8,
)
def timers_of_other_kinds(shown: Shown) -> None:
    for square in range(4):
        found = shown.colours(20 * square + 10, 10, [14, 15, 22])
        assert found == near([[136] * 3, GREEN, GREEN], 40), f"square {square}"


@case(
    """<i></i><p></p>
<script>
const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeStyle: "medium" });
const [square, text] = document.querySelectorAll("i, p");
const show = () => {
  const time = new Date();
  text.textContent = `${time.getHours()} ${time.toLocaleTimeString("en-GB")} ${format.format()}`;
  square.style.background = format.format() === format.format(time) ? "rgb(0, 160, 0)" : "";
  requestAnimationFrame(show);
};
show();
</script>""",
    css=_SQUARE,
    seconds=0.5,
    zones=("UTC", "Asia/Tokyo"),
)
def time_of_day_in_any_zone(shown: Shown) -> None:
    _is_green(shown, 1, (0, 8, 14))


@case(
    """<audio src="assets/صوت - 1.wav" data-helios-duration="0.5"></audio>
<audio src="assets/100%25%20%C3%A9t%C3%A9%20%232.m4a?v=7" data-helios-start="0.5"
  data-helios-duration="0.5"></audio>
<img src="assets/%E5%9B%BE%20a+b%26c.svg" width="80" height="40">""",
    files={
        "assets/图 a+b&c.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40">'
        '<rect width="80" height="40" fill="rgb(0, 102, 204)"/></svg>'
    },
    media={"assets/صوت - 1.wav": "440.wav", "assets/100% été #2.m4a": "880.m4a"},
    seconds=1.2,
    sounds=True,
)
def files_with_any_names(shown: Shown) -> None:
    assert [shown.pitch(0.1, 0.4), shown.pitch(0.6, 0.9)] == near([440, 880], 2)
    assert shown.pitch(1.05, 1.19) == 0
    assert shown.colour(10, 40, 20) == near([0, 102, 204], 8)


@case(
    '<i></i><audio src="440-1s.wav"></audio>',
    css="i { position: absolute; width: 20px; height: 20px; background: rgb(0, 102, 204);"
    " animation: go 1s linear both } @keyframes go { to { translate: 120px } }",
    media=["440-1s.wav"],
    folder="it's 100% #1 – été",  # noqa: RUF001
    seconds=1,
    sounds=True,
    fresh=True,
)
def folder_with_any_name(shown: Shown) -> None:
    assert shown.left(10, (0, 102, 204), [15]) == near([60], 2)
    assert shown.pitch(0.2, 0.8) == near(440, 2)


@case(
    "<b>ABCDEFGHIJ</b><i>Variable</i>",
    css="""@font-face { font-family: square; font-display: optional; src: url(square.woff2) }
@font-face { font-family: variable; font-display: swap; font-weight: 100 900; src: url(variable.woff2) }
b, i { position: absolute; top: 0; height: 20px; background: rgb(204, 0, 0); color: rgb(204, 0, 0);
  font: 8px square }
i { top: 40px; background: rgb(0, 102, 204); color: rgb(0, 102, 204); font: 16px variable;
  animation: bold 0.5s linear both }
@keyframes bold { from { font-weight: 100 } to { font-weight: 900 } }""",
    libraries={
        "square.woff2": "@fontsource/press-start-2p/files/press-start-2p-latin-400-normal.woff2",
        "variable.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    },
    seconds=0.5,
)
def fonts_from_the_first_frame_on(shown: Shown) -> None:
    # Each letter of the first font is as wide as it is high.
    assert shown.width(10, (204, 0, 0), [0, 1, 8, 14]) == near([80] * 4, 2)
    widths = shown.width(50, (0, 102, 204), [0, 5, 9, 14])
    assert widths == sorted(set(widths))
