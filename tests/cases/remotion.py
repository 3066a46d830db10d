"""Remotion: compositions of a bundle show and sound as they were written.

They stand in `bundles/remotion`.
"""

from collections.abc import Callable
from typing import Any

from tests.cases.case import CASES, Case, Check
from tests.cases.shown import WHITE, Shown, mixed, near

_LIME = (0, 255, 0)
#: How much louder the page makes a tone of one channel than a mix does: it plays it in both.
_BOTH = 2**0.5


def remotion(composition_id: str, *, frames: int, **options: Any) -> Callable[[Check], Check]:
    """Register a check as a case, with the composition that it is for."""
    names = ("film.mp4", "half-clear.webm", "440.wav", "steps.wav", "1000.wav")

    def register(check: Check) -> Check:
        name = f"remotion-{check.__name__.replace('_', '-')}"
        CASES[name] = Case(
            name=name,
            check=check,
            seconds=frames / 30,
            files={},
            media={f"public/{media}": media for media in names},
            libraries={".": ".bundles/remotion"},
            folder="remotion",
            source="index.html",
            composition_id=composition_id,
            **options,
        )
        return check

    return register


@remotion("numbers", frames=40)
def a_frame_is_drawn_by_its_number(shown: Shown) -> None:
    assert shown.numbers == list(range(40))


@remotion("motion", frames=40)
def a_sequence_begins_and_ends_exactly(shown: Shown) -> None:
    has_box = [area > 0 for area in shown.area(_LIME, range(40))]
    assert has_box == [10 <= frame < 20 for frame in range(40)]
    # Where `interpolate` puts the text, and how large `spring` makes the box.
    widths = shown.width(45, (255, 165, 0), range(40))
    assert widths[0] == 0
    assert max(widths) > 20
    assert widths[39] == 20


@remotion("delayed", frames=5)
def a_handle_delays_the_first_frame(shown: Shown) -> None:
    assert shown.colours(80, 45, range(5)) == [list(_LIME)] * 5


@remotion("film", frames=40)
def a_film_shows_the_picture_of_its_time(shown: Shown) -> None:
    assert shown.numbers == [0] * 5 + [10 + frame - 5 for frame in range(5, 40)]
    assert shown.colour(4, 80, 80) == [0, 0, 0]


@remotion("clear-film", frames=20)
def a_film_keeps_its_transparency(shown: Shown) -> None:
    assert shown.colour(4, 40, 45) == [*WHITE]
    assert shown.colour(10, 40, 45) == near(mixed(_LIME, 0.5), 4)
    assert shown.colour(10, 120, 45) == near(list(WHITE), 2)


@remotion("players", frames=20)
def players_in_the_page_show_the_picture_of_their_time(shown: Shown) -> None:
    for left in (0, 80):
        bars = shown.frames[:, 20, left + 5 : left + 80 : 10, :3].mean(axis=-1) > 128
        assert [int(sum(1 << bit for bit in range(8) if row[bit])) for row in bars] == [*range(20)]


@remotion("sounds", frames=60, sounds=True)
def tracks_sum_and_follow_volume_trim_and_rate(shown: Shown) -> None:
    # Half a second in, half as loud; from a second on, full.
    for start, level in ((0.2, 0.25), (0.45, 0.5), (0.7, 0.75)):
        assert shown.strength(440, start, start + 0.1) == near(level * 0.5, 0.02)
    assert shown.strength(440, 1.6, 1.9) == near(0.5, 0.02)
    assert shown.strength(880, 1.1, 1.4) == near(0.5, 0.04)
    assert shown.strength(880, 0.7, 0.95) == near(0, 0.01)
    assert shown.strength(880, 1.6, 1.9) == near(0, 0.01)
    assert shown.strength(1000, 0.2, 1.9) == near(0, 0.01)


@remotion("pitched", frames=30, sounds=True)
def a_tone_frequency_changes_the_pitch(shown: Shown) -> None:
    assert shown.pitch(0.1, 0.9) == near(660, 2)
    assert shown.loudness(0.1, 0.9) == near(1, 0.02)


@remotion("inline", frames=60, sounds=True)
def samples_that_the_page_makes_are_heard_at_their_time(shown: Shown) -> None:
    assert shown.pitch(0.55, 1.45) == near(440, 2)
    assert shown.loudness(0.55, 1.45) == near(0.5 * _BOTH, 0.02)
    assert shown.loudness(0, 0.48) == near(0, 0.01)
    assert shown.loudness(1.52, 1.9) == near(0, 0.01)


#: Compositions whose frames are compared with those of Remotion's own renderer, and which frames.
STILLS = {
    "numbers": [0, 7],
    "motion": [0, 15, 39],
    "titled": [2],
    "delayed": [2],
    "film": [0, 20],
    "clear-film": [10],
}
SOUNDS = ["sounds", "pitched", "inline"]
