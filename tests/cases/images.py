"""Animated images as compositions: each frame shows the picture of its time."""

from collections.abc import Callable
from fractions import Fraction

from tests.cases.case import CASES, Case, Check
from tests.cases.shown import BLUE, GREEN, RED, Shown, near


def image(
    name: str, *, frames: int, fps: int, svg: str = "", **options: object
) -> Callable[[Check], Check]:
    """Register a check as a case, with the image that it is for: of `MEDIA`, or an SVG's text."""

    def register(check: Check) -> Check:
        title = f"image-{check.__name__.replace('_', '-')}"
        CASES[title] = Case(
            name=title,
            check=check,
            seconds=frames / fps,
            rate=Fraction(fps),
            source=name,
            files={name: svg} if svg else {},
            media={} if svg else {name: name},
            **options,  # type: ignore[arg-type]
        )
        return check

    return register


def _numbers(shown: Shown) -> list[float]:
    return [left / 5 for left in shown.left(40, RED, range(len(shown.frames)))]


@image("uneven.gif", frames=20, fps=20, transparent=True)
def pictures_of_unequal_length(shown: Shown) -> None:
    once = [0, 0, 1, 2, 3, 3, 3, 3, 4, 4]
    assert _numbers(shown) == once * 2
    assert shown.frames[3, 5, 5, 3] == 0
    assert shown.frames[3, 40, 20].tolist() == [204, 0, 0, 255]


@image("thirds.gif", frames=12, fps=30)
def a_gif_whose_rate_is_30(shown: Shown) -> None:
    assert _numbers(shown) == list(range(12))


@image("hurried.gif", frames=6, fps=10)
def pictures_that_are_too_short_last_a_tenth_of_a_second(shown: Shown) -> None:
    assert _numbers(shown) == [0, 1, 2] * 2


@image("once.gif", frames=6, fps=10)
def an_image_that_plays_once_holds_its_last_picture(shown: Shown) -> None:
    assert _numbers(shown) == [0, 1, 2, 2, 2, 2]


@image("sixtieths.png", frames=45, fps=60, transparent=True)
def an_apng_at_60(shown: Shown) -> None:
    assert _numbers(shown) == [frame % 20 for frame in range(45)]
    assert shown.frames[10, 5, 5, 3] == 0


@image("thirds.webp", frames=24, fps=30)
def a_webp_whose_rate_is_30(shown: Shown) -> None:
    assert _numbers(shown) == list(range(12)) * 2


@image("eighths.webp", frames=4, fps=8, transparent=True)
def a_webp_is_transparent(shown: Shown) -> None:
    assert _numbers(shown) == [0, 1, 2, 3]
    assert shown.frames[2, 5, 5, 3] == 0


@image("tenths.avif", frames=4, fps=10)
def an_avif(shown: Shown) -> None:
    assert _numbers(shown) == [0, 1, 2, 3]


_SVG = 'xmlns="http://www.w3.org/2000/svg" width="160" height="90"'


@image(
    "moving.svg",
    frames=60,
    fps=30,
    svg=f"""<svg {_SVG}><style>
@keyframes fall {{ to {{ transform: translateY(60px) }} }}
.falls {{ animation: fall 2s linear infinite }}
</style>
<rect y="20" width="40" height="40" fill="rgb(204, 0, 0)">
<animate attributeName="x" from="0" to="100" dur="1s" repeatCount="indefinite"/></rect>
<rect class="falls" x="140" width="10" height="10" fill="rgb(0, 102, 204)"/></svg>""",
    transparent=True,
)
def an_svg_by_smil_and_css(shown: Shown) -> None:
    assert shown.left(40, RED, (0, 15, 29, 30, 45)) == near([0, 50, 96.7, 0, 50], 1)
    assert [shown.colour(frame, 145, y) for frame, y in ((0, 5), (15, 20), (45, 50))] == [
        near(list(BLUE), 10)
    ] * 3
    assert shown.frames[15, 85, 5, 3] == 0


@image(
    "sized.svg",
    frames=2,
    fps=30,
    svg='<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9" width="160">'
    '<rect width="16" height="9" fill="rgb(0, 160, 0)"/>'
    '<set attributeName="visibility" to="hidden" begin="1s"/></svg>',
)
def an_svg_whose_height_follows_from_its_view_box(shown: Shown) -> None:
    assert shown.frames.shape[1:3] == (90, 160)
    assert shown.area(GREEN, [1]) == [160 * 90]
