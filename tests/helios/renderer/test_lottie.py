"""What is read from Lottie files and archives before a browser runs, and what is refused."""

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from helios.errors import AssetMissing, CompositionInvalid, OptionInvalid, ProgramMissing
from helios.renderer.composition import Composition
from helios.renderer.dialects import (
    PageDefaults,
    Source,
    needed_files,
    open_dialect,
)
from helios.renderer.dialects.files import lottie, lottie_archive
from helios.renderer.dialects.files.lottie_animation import read_animation
from helios.renderer.inspect import CompositionFacts, inspect
from helios.renderer.page import PageOptions
from tests.cases.libraries import require_lottie_player

from .conftest import Studio

Json = dict[str, Any]
Write = Callable[[Any], Composition]
EMPTY: Json = {"v": "5", "fr": 24, "ip": 0, "op": 48, "w": 64, "h": 48, "layers": []}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an animation, or an archive of files by their names."""

    def write(content: Any) -> Composition:
        path = tmp_path / ("a.lottie" if isinstance(content, bytes) else "a.json")
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return Composition.find(str(path))

    return write


def archive(names: Mapping[str, Any], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as packed:
        for name, content in names.items():
            packed.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return data.getvalue()


@pytest.mark.parametrize(
    ("facts", "rate"),
    [
        ({"fr": 24}, Fraction(24)),
        ({"fr": 29.9700012207031}, Fraction(30000, 1001)),
        ({"fr": 29.97}, Fraction(30000, 1001)),
        ({"fr": 30.0000012207031}, Fraction(30)),
        ({"fr": 12.5, "op": 48.0000024}, Fraction(25, 2)),
    ],
)
def test_an_animation_declares_size_and_rate(write: Write, facts: Json, rate: Fraction) -> None:
    dialect, declared = open_dialect(write({**EMPTY, **facts}), None)
    assert dialect.name == "lottie"
    assert declared == PageDefaults(width=64, height=48, rate=rate)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "isn't valid JSON"),
        ("[" * 100_000, "isn't valid JSON"),
        ('{"layers": [], "fr": NaN}', "isn't valid JSON"),
        (f'{{"layers": [], "fr": {"9" * 400}}}', "isn't valid JSON"),
        ([], "isn't a Lottie animation: it has no layers"),
        ({"name": "package"}, "isn't a Lottie animation: it has no layers"),
        ({**EMPTY, "w": "64"}, "`w` is no number"),
        ({**EMPTY, "w": 0}, "its size is 0 x 48"),
        ({**EMPTY, "h": 70_000}, "its size is 64 x 70000, more than 16384"),
        ({**EMPTY, "fr": 0}, "its rate is 0"),
        ({**EMPTY, "fr": 1e-5}, "a.json: its rate is 1e-05"),
        ({**EMPTY, "fr": 1e9}, "its rate is 1e+09"),
        ({**EMPTY, "op": 0}, "begins at frame 0 and ends at 0"),
        ({**EMPTY, "op": 1e15}, "begins at frame 0 and ends at"),
    ],
)
def test_what_isnt_an_animation_is_refused(write: Write, content: Any, reason: str) -> None:
    with pytest.raises(CompositionInvalid) as refused:
        open_dialect(write(content), None)
    assert reason in refused.value.message


def test_a_job_spec_is_told_from_an_animation(write: Write) -> None:
    with pytest.raises(CompositionInvalid, match="is a job spec") as refused:
        open_dialect(write({"metadata": {}, "chunks": [], "mergeCommand": ""}), None)
    assert refused.value.hint == "orchestrator run a.json"


def _nested(*names: str) -> list[Json]:
    """Return compositions, each of which holds the next one ten times; the last holds the first."""
    following = (*names[1:], names[0])
    return [
        {"id": name, "layers": [{"ty": 0, "refId": inner}] * 10}
        for name, inner in zip(names, following, strict=True)
    ]


def test_an_animation_that_holds_itself_is_refused(write: Write) -> None:
    layers = [{"ty": 0, "refId": "a"}]
    with pytest.raises(CompositionInvalid, match="'a' holds itself"):
        open_dialect(write({**EMPTY, "layers": layers, "assets": _nested("a", "b")}), None)


def test_an_animation_that_multiplies_is_refused(write: Write) -> None:
    assets = _nested(*"abcdefghi")
    assets[-1]["layers"] = [{"ty": 1}]
    layers = [{"ty": 0, "refId": "a"}]
    with pytest.raises(CompositionInvalid, match="more than 100000 layers"):
        open_dialect(write({**EMPTY, "layers": layers, "assets": assets}), None)


def test_types_that_are_no_numbers_are_passed_on_to_the_player(write: Write) -> None:
    kinds: list[Any] = [[6], {}, "6", None]
    layers = [{"ty": kind, "ef": [{"ty": kind, "en": 1}]} for kind in kinds]
    assert open_dialect(write({**EMPTY, "layers": layers}), None)[1].width == 64


def test_a_family_of_several_fonts_is_listed_once() -> None:
    fonts = [{"fName": f"a-{style}", "fFamily": "a"} for style in ("Bold", "Thin")]
    animation = read_animation("a.json", json.dumps({**EMPTY, "fonts": {"list": fonts}}).encode())
    assert animation.families == ("a",)


# --- archives

MANIFEST = {"version": "1", "animations": [{"id": "one"}, {"id": "two"}]}
TWO = {"animations/one.json": EMPTY, "animations/two.json": {**EMPTY, "w": 100}}


@pytest.mark.parametrize(
    ("manifest", "composition_id", "width"),
    [
        (MANIFEST, None, 64),
        (MANIFEST, "two", 100),
        ({**MANIFEST, "activeAnimationId": "two"}, None, 100),
        ({**MANIFEST, "initial": {"animation": "two"}}, None, 100),
        ({**MANIFEST, "initial": {"animation": "lost"}}, None, 64),
    ],
)
def test_an_archive_shows_the_one_that_is_chosen(
    write: Write, manifest: Json, composition_id: str | None, width: int
) -> None:
    composition = write(archive({"manifest.json": manifest, **TWO}))
    assert open_dialect(composition, None, composition_id)[1].width == width


def test_an_unknown_id_is_refused_with_those_that_there_are(write: Write) -> None:
    with pytest.raises(OptionInvalid, match="'three'") as refused:
        open_dialect(write(archive({"manifest.json": MANIFEST, **TWO})), None, "three")
    assert refused.value.hint == "It has one, two."


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({}, "no manifest.json"),
        ({"manifest.json": b"{"}, "isn't a dotLottie archive, or damaged"),
        ({"manifest.json": b"[" * 100_000}, "isn't a dotLottie archive, or damaged"),
        ({"manifest.json": []}, "names no animation"),
        ({"manifest.json": MANIFEST}, "has no animations/one.json"),
        ({"manifest.json": MANIFEST, **TWO, "../a": b""}, "'../a' leads out of the archive"),
        ({"manifest.json": MANIFEST, **TWO, "i\\..\\a": b""}, "leads out of the archive"),
        ({"manifest.json": MANIFEST, **TWO, "/etc/passwd": b""}, "leads out of the archive"),
        ({"manifest.json": MANIFEST, **{str(n): b"" for n in range(10_001)}}, "than 10000 files"),
        (
            {"manifest.json": {"animations": [{"id": "../../a"}]}, **TWO},
            "has no animations/../../a.json",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_archive_is_refused(write: Write, names: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(CompositionInvalid) as refused:
        open_dialect(write(archive(names)), None)
    assert reason in refused.value.message


def test_an_archive_of_many_bytes_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lottie_archive, "_MOST_BYTES", 1 << 20)
    composition = write(archive({"manifest.json": MANIFEST, **TWO, "i/0": b"\0" * (1 << 20)}))
    with pytest.raises(CompositionInvalid, match="unpacks to more than 1 MiB"):
        open_dialect(composition, None)


def test_an_archive_that_lies_about_its_sizes_is_refused(write: Write) -> None:
    data = archive({"manifest.json": MANIFEST, **TWO, "images/a.png": b"\0" * 100_000})
    lie = data.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(CompositionInvalid, match="damaged"):
        open_dialect(write(lie), None)
    with pytest.raises(CompositionInvalid, match="damaged"):
        open_dialect(write(data[:-40]), None)


def test_no_more_of_an_archive_is_unpacked_than_it_declares(write: Write) -> None:
    size = 32 << 20
    data = archive({"manifest.json": MANIFEST, **TWO, "images/a.png": b"\0" * size})
    composition = write(data.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    tracemalloc.start()
    try:
        with pytest.raises(CompositionInvalid, match="damaged"):
            open_dialect(composition, None)
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_of_another_compression_is_refused(write: Write, method: int) -> None:
    composition = write(archive({"manifest.json": MANIFEST, **TWO}, method))
    with pytest.raises(CompositionInvalid, match="is compressed by another method"):
        open_dialect(composition, None)


# --- what is packed

IMAGES = [
    {"id": "a", "u": "images/", "p": "a.png", "e": 0},
    {"id": "b", "u": "", "p": "../b.png", "e": 0},
    {"id": "c", "u": "", "p": "https://example.com/c.png", "e": 0},
    {"id": "d", "u": "", "p": "data:image/png;base64,", "e": 1},
]


def test_the_images_beside_an_animation_are_packed_with_it(write: Write) -> None:
    assert needed_files(write({**EMPTY, "assets": IMAGES})) == frozenset({"a.json", "images/a.png"})


def test_the_images_around_an_animation_below_the_root_are_packed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [
        {"id": "e", "u": "/shared/", "p": "my%20e.png?v=1"},
        {"id": "f", "u": "", "p": "../../f.png"},
        {"id": "g", "u": "", "p": "//[/g.png"},
    ]
    (tmp_path / "animations").mkdir()
    path = tmp_path / "animations/a.json"
    path.write_text(json.dumps({**EMPTY, "assets": [*IMAGES, *more]}))
    monkeypatch.chdir(tmp_path)
    composition = Composition.find(str(path), root=".")
    assert needed_files(composition) == frozenset(
        {"animations/a.json", "animations/images/a.png", "b.png", "shared/my e.png"}
    )
    require_lottie_player()
    served = open_dialect(composition, None)[0].prepare(Source(composition), tmp_path, None)
    assert "animations/a.json" in served


def test_what_the_chosen_animation_of_an_archive_names_is_packed_with_it(write: Write) -> None:
    two = {**EMPTY, "assets": IMAGES}
    names = {"manifest.json": MANIFEST, **TWO, "animations/two.json": two}
    composition = write(archive(names))
    assert needed_files(composition) == frozenset({"a.lottie"})
    assert needed_files(composition, "two") == frozenset({"a.lottie", "images/a.png"})


# --- in a browser


def _facts(studio: Studio, composition: Composition, **options: Any) -> CompositionFacts:
    require_lottie_player()
    dialect, declared = open_dialect(composition, None)
    page = PageOptions(
        width=declared.width,
        height=declared.height,
        rate=declared.rate,
        dialect=dialect,
        **options,
    )
    return studio.run(inspect(composition, page))


@pytest.mark.browser
def test_what_isnt_drawn_is_warned_of(studio: Studio, write: Write) -> None:
    ks = {"o": {"a": 0, "k": 100, "x": "throw 1"}}
    effects = [
        {"ty": 5, "nm": "Glow", "mn": "ADBE Glo2", "en": 1, "ef": []},
        {"ty": 5, "nm": "Slider", "mn": "ADBE Slider Control", "en": 1, "ef": []},
        {"ty": 5, "nm": "Off", "mn": "ADBE Glo2", "en": 0, "ef": []},
    ]
    layers = [{"ty": 3, "ip": 0, "op": 48, "st": 0, "ind": 1, "ks": ks, "ef": effects, "ddd": 1}]
    facts = _facts(studio, write({**EMPTY, "layers": layers}))
    [warning] = facts.warnings
    assert warning.code == "DIALECT_FEATURE_IGNORED"
    assert "without depth (3D layers), expressions, the effect Glow" in warning.message
    assert (facts.duration, facts.frames(Fraction(24)), facts.sounds) == (2, 48, False)


@pytest.mark.browser
def test_an_image_that_isnt_there_is_named(studio: Studio, write: Write) -> None:
    layers = [{"ty": 2, "refId": "a", "ip": 0, "op": 48, "st": 0, "ind": 1, "ks": {}}]
    with pytest.raises(AssetMissing) as refused:
        _facts(
            studio, write({**EMPTY, "layers": layers, "assets": [{**IMAGES[0], "w": 9, "h": 9}]})
        )
    assert refused.value.details == ("images/a.png (status 404)",)


@pytest.mark.browser
def test_a_font_that_isnt_there_is_named(studio: Studio, write: Write) -> None:
    font = {"fName": "a", "fFamily": "a", "fPath": "fonts/a.woff2", "origin": 3, "fStyle": ""}
    with pytest.raises(AssetMissing) as refused:
        _facts(studio, write({**EMPTY, "fonts": {"list": [font]}}))
    assert refused.value.details == ("fonts/a.woff2 (status 404)",)


@pytest.mark.browser
def test_no_script_of_a_file_runs(studio: Studio, tmp_path: Path, write: Write) -> None:
    (tmp_path / "evil.js").write_text("throw new Error('a script runs')")
    escape = "</script></style><script>throw 1</script>"
    fonts = [
        {"fName": "a", "fFamily": escape, "fPath": "evil.js", "origin": 2, "fStyle": ""},
        {"fName": "b", "fFamily": f'b"{escape}', "fPath": "", "fOrigin": "t", "fStyle": ""},
        {"fName": "c", "fFamily": "c", "fPath": f'#"){escape}', "origin": 3, "fStyle": ""},
    ]
    facts = _facts(
        studio, write({**EMPTY, "nm": escape, "fonts": {"list": fonts}}), allow_missing=True
    )
    assert facts.duration == 2


def test_a_player_that_isnt_installed_is_named(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lottie, "_FOLDER", tmp_path)
    composition = write(EMPTY)
    dialect, _ = open_dialect(composition, None)
    with pytest.raises(ProgramMissing, match="lottie-web isn't installed"):
        dialect.prepare(Source(composition), tmp_path, None)
