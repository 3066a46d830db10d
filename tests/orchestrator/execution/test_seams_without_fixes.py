"""The seam check finds what copies of the package do wrong from which a fix was taken out."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import helios
from tests.cases.libraries import Libraries
from tests.cases.media import MediaFolder
from tests.orchestrator.execution.test_seams import events, frames

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = """<!doctype html><html data-duration="{seconds}"><style>
body {{ margin: 0; background: #123; font: 20px sans-serif; overflow: hidden }}
i {{ position: absolute; left: 20px; top: 10px; width: 60px; height: 40px; background: #c84 }}
{css}</style>{body}</html>"""

Change = tuple[str, str, str]
"""A file below `helios/renderer/page`, code that it holds once, and what stands for it."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of failure: a page, and the fix without which it looks different in each chunk.

    Attributes:
        fix: Takes the fix out.
        load: What a busy machine does, which the page withstands as long as the fix is there.
        heals: Whether visiting every frame from 0 on makes up for it.
    """

    fix: tuple[Change, ...]
    body: str
    css: str = ""
    seconds: float = 0.6
    load: tuple[Change, ...] = ()
    heals: bool = False

    def write(self, folder: Path) -> None:
        """Write the page, with a film and GSAP beside it."""
        page = PAGE.format(seconds=self.seconds, css=self.css, body=self.body)
        (folder / "page.html").write_text(page)
        if "film.mp4" in page:
            shutil.copy(MediaFolder(folder / "tmp").get("film-24.mp4"), folder / "film.mp4")
        if "gsap" in page:
            Libraries().copy("gsap", folder / "gsap")


KINDS = {
    "observers aren't told of frames that are left out": Kind(
        fix=(
            ("runtime/skipping.js", "const isObserved = () => ", "const isObserved = () => !1 && "),
        ),
        css="""i { top: 100px; animation: up 0.6s linear both }
@keyframes up { to { transform: translateY(-90px) } }
i.on { background: #fff; transition: background 0.3s linear }""",
        body="""<i></i><script>
const card = document.querySelector("i");
const reveal = ([entry]) => card.classList.toggle("on", entry.isIntersecting);
new IntersectionObserver(reveal, { threshold: 0.5 }).observe(card);
</script>""",
        heals=True,
    ),
    "GSAP of a module takes frames that are left out for a stall": Kind(
        fix=(
            (
                "runtime/skipping.js",
                "const hasHiddenGsap = () => ",
                "const hasHiddenGsap = () => !1 && ",
            ),
        ),
        seconds=1.8,
        body="""<i></i><script type="module">
import { gsap } from "./gsap/index.js";
gsap.to("i", { x: 100, duration: 1.6, ease: "none" });
</script>""",
        heals=True,
    ),
    "a video's new picture isn't noticed": Kind(
        fix=(("capture.py", "        if video_moved:\n            self.is_quiet = False\n", ""),),
        body='<video src="film.mp4" muted></video>',
    ),
    "a layer isn't drawn with the frame before": Kind(
        fix=(("composition_page.py", "and await self._has_layers():", "and False:"),),
        css="""i { left: 30px; width: 90px; height: 70px; animation: turn 0.6s linear both }
@keyframes turn {
  from { transform: perspective(300px) translateZ(-36px) scale3d(1.39, 0.98, 1) }
  to { transform: perspective(300px) rotateY(24deg) }
}""",
        body="<i>Box</i>",
    ),
    "an animation begins when a busy browser comes to it": Kind(
        fix=(
            ("runtime/animations.js", "list.filter(resolvePending);", "[];"),
            (
                "runtime/animations.js",
                'one.effect && one.playState === "running"',
                'one.effect && !one.pending && one.playState === "running"',
            ),
            # Without this, the frame is drawn until the browser has come to the animation.
            (
                "runtime/animation_frames.js",
                "await sleep(Math.min(undrawn++, 20));",
                "return undrawn++ < 3;",
            ),
        ),
        # The browser leaves out the first draws of the last chunk.
        load=(
            (
                "capture.py",
                '        answer = await self._begin_frame({"noDisplayUpdates": not display})',
                """        import sys
        self.left_out = getattr(self, "left_out", 0) + 1
        if self.left_out <= 9 and "12" in sys.argv:
            return False
        answer = await self._begin_frame({"noDisplayUpdates": not display})""",
            ),
        ),
        css="i { animation: go 2s linear both } @keyframes go { to { translate: 200px } }",
        body="<i></i>",
    ),
}

#: One that is healed and one that is refused; the others are marked `long`.
SAMPLE = (
    "observers aren't told of frames that are left out",
    "an animation begins when a busy browser comes to it",
)


def changed_package(folder: Path, *changes: Change) -> dict[str, str]:
    """Copy the package and change it; return the variables by which commands use the copy."""
    source, copy = Path(helios.__file__).parent, folder / "helios"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for part, code, instead in changes:
        path = copy / "renderer/page" / part
        text = path.read_text("utf-8")
        assert text.count(code) == 1, f"{part}: {code} is there {text.count(code)} times"
        path.write_text(text.replace(code, instead), "utf-8")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in SAMPLE else pytest.mark.proof) for name in KINDS],
)
def test_a_fix_that_is_taken_out_is_missed_at_the_seams(bench: Any, name: str) -> None:
    kind = KINDS[name]
    kind.write(bench.folder)
    flags = ("--chunks", 3, "--width", 160, "--height", 90, "--crf", 0, "--no-audio", "--json")
    render = ("render", "page.html", *flags)

    whole = changed_package(bench.folder / "whole", *kind.load)
    right = bench.run(*render, "-o", "right.mp4", env=whole)
    broken = changed_package(bench.folder / "broken", *kind.load, *kind.fix)
    done = bench.run(*render, "-o", "video.mp4", env=broken)

    assert right.status == 0, right.stdout
    assert events(right, "seams_compared")[0]["proven"] == 2
    (healing,) = events(done, "seams_healing")
    assert healing["chunkIds"] == [1, 2]
    if kind.heals:
        assert done.status == 0, done.stdout
        assert frames(bench.folder / "video.mp4") == frames(bench.folder / "right.mp4")
    else:
        assert done.status == 2, done.stdout
        (error,) = events(done, "error")
        assert error["code"] == "SEAM_DIFFERS"
        assert "differs within" in error["details"][0]
