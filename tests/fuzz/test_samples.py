"""Whether two renders of a page play the same samples."""

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fuzz.pages.draw import FRAMES
from fuzz.pages.media import AUDIO
from fuzz.samples import compare_sounds, heard_until
from helios.renderer.composition import LOCAL_ORIGIN, Composition


def sound(**given: Any) -> dict[str, Any]:
    return {
        "source": f"{LOCAL_ORIGIN}/tones.wav",
        "start": 0.1,
        "trim": 0.0,
        "duration": None,
        "rate": 1.0,
        "fadeIn": 0,
        "fadeOut": 0,
        "loop": False,
        "loopStart": 0.0,
        "length": None,
        "preservesPitch": True,
        "volumes": [],
        **given,
    }


@pytest.mark.parametrize(
    "later",
    [
        [sound(duration=0.7)],
        [sound(volumes=[[0.8, 0.5, False]])],
        [sound(), sound(start=0.5)],
    ],
    ids=["its end", "its volume", "another sound"],
)
def test_what_comes_after_a_chunk_does_not_count(later: list[dict[str, Any]]) -> None:
    assert heard_until(0.5, later) == heard_until(0.5, [sound()])
    assert heard_until(0.9, later) != heard_until(0.9, [sound()])


def test_an_end_that_fades_out_counts() -> None:
    fades = [[sound(fadeOut=0.4, duration=duration)] for duration in (0.6, 0.7)]
    assert heard_until(0.5, fades[0]) != heard_until(0.5, fades[1])


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Composition:
    folder: Path = tmp_path_factory.mktemp("sounds")
    AUDIO["tones.wav"](folder / "tones.wav")
    return Composition(url=f"{LOCAL_ORIGIN}/index.html", root=folder)


@pytest.mark.parametrize("rate", [1, 1.5], ids=["as it is", "faster"])
def test_samples_that_differ_are_found_in_their_chunk(composition: Composition, rate: int) -> None:
    expected = [sound(rate=rate)]
    early, late = range(9), range(9, FRAMES)
    moved = [sound(rate=rate, start=0.1 + float(Fraction(1, 48000)))]
    silent = [sound(rate=rate), sound(rate=rate, start=0.5, volumes=[[0.0, 0.0, False]])]

    def found(chunk: range, sounds: list[dict[str, Any]]) -> str:
        compared = compare_sounds("x", composition, expected, [(chunk, sounds)])
        return str(asyncio.run(compared))

    assert "sound: " in found(early, moved)
    assert "sound: " in found(late, moved)
    assert found(early, [sound(rate=rate, duration=0.3)]) == "None"
    assert "from 0.4" in found(late, [sound(rate=rate, duration=0.3)])
    # Other sounds, but the same samples.
    assert found(late, silent) == "None"
