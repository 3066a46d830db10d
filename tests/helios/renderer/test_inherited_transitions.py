"""Transitions of what is inherited from an animated element begin as often in each cut."""

import pytest

from .conftest import Studio

pytestmark = pytest.mark.browser

#: A box that shows the colour that it inherits, and has transitions.
PAGE = """<!doctype html><style>
#o { color: #f00; animation: k 0.4s linear 0.2s both }
#b { width: 60px; height: 40px; background: currentColor; transition: all 0.2s linear }
@keyframes k { from { color: #f00 } to { color: #0f0 } }
</style><div id=o><div id=b></div></div>"""


def colours(studio: Studio, page: str, frames: range, *, reference: bool = False) -> list[str]:
    (studio.root / "inherited.html").write_text(page)

    async def read() -> list[str]:
        async with studio.page("inherited.html", reference=reference) as shown:
            found = []
            for frame in frames:
                await shown.seek(frame, every_frame=False)
                value = await shown._session.evaluate("getComputedStyle(b).color")
                found.append(str(value))
            return found

    return studio.run(read())


def test_no_transition_begins_while_the_animation_stands(studio: Studio) -> None:
    assert set(colours(studio, PAGE, range(6))) == {"rgb(255, 0, 0)"}
    assert set(colours(studio, PAGE, range(27, 40))) == {"rgb(0, 255, 0)"}


@pytest.mark.parametrize("first", [9, 14, 19])
def test_transitions_on_the_way_are_those_of_the_reference(studio: Studio, first: int) -> None:
    frames = range(first, first + 4)

    expected = colours(studio, PAGE, range(first + 4), reference=True)

    assert colours(studio, PAGE, frames) == expected[first:]
