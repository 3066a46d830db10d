"""What is read from animated images and SVG files before a browser runs, and what is refused."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from helios.errors import CompositionInvalid, OptionInvalid
from helios.renderer.composition import SUFFIXES, Composition
from helios.renderer.dialects import DIALECTS, PageDefaults, Source, needed_files, open_dialect
from helios.renderer.dialects.files.image_timing import ImageTiming
from helios.renderer.inspect import inspect
from helios.renderer.page import PageOptions

from .conftest import Studio

Save = Callable[[str, Sequence[int]], Composition]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(name: str, lengths: Sequence[int]) -> Composition:
        pictures = [Image.new("RGB", (40, 30), (20 * n, 0, 0)) for n in range(len(lengths))]
        path = tmp_path / name
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=list(lengths), loop=0
        )
        return Composition.find(str(path))

    return save


def _timing(*hundredths: int) -> ImageTiming:
    return ImageTiming("image/gif", 1, 1, tuple(Fraction(one, 100) for one in hundredths))


@pytest.mark.parametrize(
    ("hundredths", "rate"),
    [
        ([4] * 10, Fraction(25)),
        ([3, 3, 4] * 5, Fraction(30)),
        ([10, 5, 5, 20], Fraction(20)),
        ([7] * 6, Fraction(100, 7)),
        ([4, 3, 3], Fraction(100)),
        ([10, 15], Fraction(20)),
    ],
)
def test_the_rate_shows_each_picture_exactly(hundredths: list[int], rate: Fraction) -> None:
    assert _timing(*hundredths).rate == rate


def test_beyond_100_a_second_the_rate_is_60() -> None:
    lengths = tuple(Fraction(one, 1000) for one in (20, 43, 33))
    assert ImageTiming("image/webp", 1, 1, lengths).rate == 60


@pytest.mark.parametrize(
    ("name", "rate"), [("a.gif", 10), ("a.png", 10), ("a.apng", 10), ("a.webp", 10), ("a.avif", 10)]
)
def test_an_image_declares_size_and_rate(save: Save, name: str, rate: int) -> None:
    if name.endswith(".apng"):
        composition = save("a.png", [100, 100, 200])
        assert composition.page is not None
        composition = Composition.find(str(composition.page.rename(composition.page.parent / name)))
    else:
        composition = save(name, [100, 100, 200])
    dialect, declared = open_dialect(composition, None)
    assert dialect.name == "image"
    assert declared == PageDefaults(width=40, height=30, rate=Fraction(rate))


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_a_file_that_is_cut_short_is_refused(save: Save, name: str) -> None:
    composition = save(name, [100, 100, 200])
    assert composition.page is not None
    composition.page.write_bytes(composition.page.read_bytes()[:40])
    with pytest.raises(CompositionInvalid, match=name):
        open_dialect(composition, None)


@pytest.mark.parametrize(
    ("box", "offset", "value", "reason"),
    [
        (b"stts", 8, 0xFFFFFFFF, "its index contradicts itself"),
        (b"mdhd", 20, 0, "its timescale is 0"),
    ],
)
def test_an_index_that_cant_be_true_is_refused(
    save: Save, box: bytes, offset: int, value: int, reason: str
) -> None:
    composition = save("a.avif", [100, 100, 200])
    assert composition.page is not None
    data = bytearray(composition.page.read_bytes())
    struct.pack_into(">I", data, data.index(box) + len(box) + offset, value)
    composition.page.write_bytes(data)
    with pytest.raises(CompositionInvalid, match=reason):
        open_dialect(composition, None)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.gif", b"<html>", "neither GIF"),
        ("a.gif", b"", "neither GIF"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 30, "damaged"),
        ("a.webp", b"RIFF\xff\xff\xff\xffWEBP" + b"\xff" * 12, "isn't animated"),
        ("a.avif", struct.pack(">I", 24) + b"ftypavif" + b"\0" * 12, "damaged"),
        ("a.gif", b"GIF89a" + b"\xff" * 900, "damaged"),
    ],
)
def test_what_isnt_an_animated_image_is_refused(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CompositionInvalid, match=reason):
        open_dialect(Composition.find(str(tmp_path / name)), None)


def test_an_image_that_no_browser_draws_is_refused(save: Save) -> None:
    composition = save("a.gif", [100, 100])
    assert composition.page is not None
    data = bytearray(composition.page.read_bytes())
    data[6:10] = struct.pack("<HH", 65535, 65535)
    composition.page.write_bytes(data)
    with pytest.raises(CompositionInvalid, match="65535 x 65535, more than 16384"):
        open_dialect(composition, None)


def test_the_page_of_an_image_below_the_root_is_served_in_its_place(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    save("images/a.gif", [100, 100])
    monkeypatch.chdir(tmp_path)
    composition = Composition.find("images/a.gif", root=".")
    served = open_dialect(composition, None)[0].prepare(Source(composition), tmp_path, None)
    assert served["images/a.gif"] == tmp_path / "page.html"
    assert needed_files(composition) == frozenset({"images/a.gif"})


def test_an_image_is_in_no_dialect_of_pages(save: Save) -> None:
    with pytest.raises(OptionInvalid, match=r"'html': a\.gif is in another: image"):
        open_dialect(save("a.gif", [100, 100]), "html")


def test_each_ending_of_a_composition_belongs_to_a_dialect() -> None:
    assert set(SUFFIXES) == {suffix for one in DIALECTS.values() for suffix in one.suffixes}


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="64" height="48"', (64, 48)),
        ('width="1in" height="20mm"', (96, 76)),
        ('viewBox="0 0 640 360"', (640, 360)),
        ('viewBox="0,0,640,360" width="320"', (320, 180)),
        ('viewBox="0 0 640 360" width="100%" height="100%"', (640, 360)),
        ('viewBox="none" height="50"', (300, 50)),
        ("", (300, 150)),
    ],
)
def test_an_svg_declares_its_size(tmp_path: Path, attributes: str, size: tuple[int, int]) -> None:
    (tmp_path / "a.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}/>')
    dialect, declared = open_dialect(Composition.find(str(tmp_path / "a.svg")), None)
    assert dialect.name == "svg"
    assert declared == PageDefaults(width=size[0], height=size[1])


def test_an_svg_that_no_browser_draws_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(f'<svg width="64" height="{"9" * 400}"/>')
    with pytest.raises(CompositionInvalid, match="64 x 1000000, more than 16384"):
        open_dialect(Composition.find(str(tmp_path / "a.svg")), None)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("body", "duration"),
    [
        ('<animate attributeName="x" to="9" dur="2s" repeatCount="indefinite"/>', 2),
        ('<animate attributeName="x" to="9" dur="2s" begin="1s" repeatCount="3"/>', 7),
        ('<set attributeName="x" to="9" begin="1.5s"/>', 1.5),
        (
            '<animate id="a" attributeName="x" to="9" dur="1s" begin="0s; b.end"/>'
            '<animate id="b" attributeName="x" to="0" dur="2s" begin="a.end"/>',
            3,
        ),
        ("<style>rect { animation: a 2s 0.5s infinite alternate }</style>", 4.5),
        ("", None),
    ],
)
def test_an_svg_lasts_one_round(
    studio: Studio, tmp_path: Path, body: str, duration: float | None
) -> None:
    style = "<style>@keyframes a { to { opacity: 0 } }</style>"
    (tmp_path / "a.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48">{style}'
        f'<rect width="9" height="9">{body}</rect></svg>'
    )
    composition = Composition.find(str(tmp_path / "a.svg"))
    dialect, declared = open_dialect(composition, None)
    page = PageOptions(
        width=declared.width, height=declared.height, rate=declared.rate, dialect=dialect
    )
    facts = studio.run(inspect(composition, page, audio=False))
    assert facts.duration == (None if duration is None else pytest.approx(duration))
