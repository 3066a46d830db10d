"""Drawing properties are computed anew only where some may be out of date."""

import pytest

from tests.sampling import every_nth

from .conftest import PNG, Studio

pytestmark = pytest.mark.browser

STYLE = """
body { margin: 0; background: #123; overflow: hidden }
#o { position: absolute; left: 20px; top: 10px; width: 200px; height: 150px }
#b { position: absolute; left: 60px; top: 40px; width: 90px; height: 70px; rotate: 20deg;
     box-sizing: border-box; border: 3px solid #35495e; background: #42b883 }
#c { position: absolute; left: 200px; top: 9px; width: 9px; height: 9px; background: red;
     animation: c 4s linear both }
@keyframes c { to { translate: 30px 80px } }
"""
BOX = "<div id=o><div id=b></div></div><div id=c></div>"
HALF = "#b { opacity: 0.5 }"
#: The opacity of `b` becomes 1 at half a second.
FADES = "#b { animation: f 1s linear both } @keyframes f { 0% { opacity: 0.2 } 50% { opacity: 1 } }"
#: An animation that ends at half a second and says so.
ENDS = f"{HALF} #o {{ animation: e 0.5s linear }} @keyframes e {{ to {{ outline-color: red }} }}"
TO_ONE = "document.styleSheets[1].cssRules[0].style.opacity = 1"

PAGES = {
    "an animation that rests at 1": f"<style>{FADES}</style>{BOX}",
    "an animation that ends": f"<style>{FADES.replace('1s linear both', '0.5s')}</style>{BOX}",
    "a pseudo-element": f"<style>{FADES.replace('#b', '#b::before')} #b::before {{ content: ''; "
    f"position: absolute; inset: 5px; background: red; rotate: 9deg }}</style>{BOX}",
    "a custom property that is animated": "<style>@property --o { syntax: '<number>'; "
    "inherits: true; initial-value: 1 } #o { animation: f 1s linear both } @keyframes f "
    f"{{ 0% {{ --o: 0.2 }} 50% {{ --o: 1 }} }} #b {{ opacity: var(--o) }}</style>{BOX}",
    "a custom property in a transition": "<style>@property --o { syntax: '<number>'; inherits: "
    "true; initial-value: 1 } #o { transition: --o 0.5s linear } @starting-style "
    f"{{ #o {{ --o: 0.2 }} }} #b {{ opacity: var(--o) }}</style>{BOX}",
    "a container that grows": "<style>#o { container-type: inline-size; animation: f 1s linear "
    "both } @keyframes f { 0% { width: 100px } } @container (width < 150px) "
    f"{{ #b {{ opacity: 0.5 }} }}</style>{BOX}",
    "a unit of a container": "<style>#o { container-type: inline-size; animation: f 1s linear "
    "both } @keyframes f { 0% { width: 100px } } #b { opacity: calc(0.55 + 0.5 * "
    f"sign(100cqw - 150px)) }}</style>{BOX}",
    "a listener for the end of an animation": f"<style>{ENDS}</style>{BOX}"
    f"<script>o.onanimationend = () => {{ {TO_ONE} }}</script>",
    "the promise of an animation": f"<style>{ENDS}</style>{BOX}"
    f"<script>o.getAnimations()[0].finished.then(() => {{ {TO_ONE} }})</script>",
    "a timer": f"<style>{HALF}</style>{BOX}<script>setTimeout(() => {{ {TO_ONE} }}, 500)</script>",
    "a callback of a frame": f"<style>{HALF}</style>{BOX}<script>requestAnimationFrame(function f"
    f"(t) {{ if (t < 500) requestAnimationFrame(f); else {TO_ONE} }})</script>",
    "an observer": f"<style>{HALF} #o {{ animation: f 1s linear both }} @keyframes f "
    f"{{ 0% {{ width: 100px }} }}</style>{BOX}<script>new ResizeObserver(() => "
    f"{{ if (o.clientWidth > 150) {TO_ONE} }}).observe(o)</script>",
    "a script in a frame": f"<style>{HALF}</style>{BOX}<iframe srcdoc='<script>setTimeout(() => "
    "{ parent.document.styleSheets[1].cssRules[0].style.opacity = 1 }, 500)</script>'></iframe>",
    "a message": f"<style>{HALF}</style>{BOX}<script>onmessage = () => {{ {TO_ONE} }}; "
    "setTimeout(() => postMessage(1), 500)</script>",
}


@every_nth(3)
@pytest.mark.parametrize("name", PAGES)
def test_an_opacity_that_has_become_1_leaves_nothing_behind(studio: Studio, name: str) -> None:
    (studio.root / "styles.html").write_text(f"<!doctype html><style>{STYLE}</style>{PAGES[name]}")
    frames = range(26)

    found = studio.shoot("styles.html", frames)
    expected = studio.shoot("styles.html", frames, reference=True)

    pairs = enumerate(zip(found, expected, strict=True))
    assert [frame for frame, (one, other) in pairs if one.digest != other.digest] == []


def styles_computed(studio: Studio, body: str, *, frames: int) -> int:
    """Return how often the browser computes styles in so many frames of a page."""
    (studio.root / "styles.html").write_text(f"<!doctype html><style>{STYLE}</style>{body}")

    async def work() -> int:
        async with studio.page("styles.html") as page:
            await page._session.call("Performance.enable")
            counts = []
            for frame in range(3, 4 + frames):
                await page.visit(frame)
                await page.capture(PNG)
                answer = await page._session.call("Performance.getMetrics")
                metrics = {metric["name"]: metric["value"] for metric in answer["metrics"]}
                counts.append(metrics["RecalcStyleCount"])
            return int(counts[-1] - counts[0])

    return studio.run(work())


def test_a_page_that_css_alone_moves_is_styled_once_a_frame(studio: Studio) -> None:
    assert styles_computed(studio, BOX, frames=8) == 8


def test_so_is_a_page_whose_sizes_css_animates(studio: Studio) -> None:
    grows = "<style>#o { animation: g 4s both } @keyframes g { to { width: 300px } }</style>"

    assert styles_computed(studio, BOX + grows, frames=8) == 8


def test_a_page_that_a_script_moves_is_styled_anew_for_each_picture(studio: Studio) -> None:
    script = "<script>requestAnimationFrame(function f() { requestAnimationFrame(f) })</script>"

    assert styles_computed(studio, BOX + script, frames=8) > 16
