"""Which dialect a page is in, what it declares, and what is refused or warned of."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import (
    AssetMissing,
    DialectUnsupported,
    DurationUnknown,
    HeliosError,
    OptionInvalid,
)
from helios.renderer.composition import Composition
from helios.renderer.dialects import DIALECTS, PageDefaults, open_dialect
from helios.renderer.inspect import CompositionFacts, inspect
from helios.renderer.page import PageOptions

from .conftest import Studio

ROOT = '<div data-composition-id="main" data-width="320" data-height="180"'
Page = Callable[[str], Composition]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    def write(body: str) -> Composition:
        (tmp_path / "core.js").write_text("e.bindToDocumentTimeline()")
        (tmp_path / "index.html").write_text(f"<!doctype html><meta charset=utf-8>{body}")
        return Composition.find(str(tmp_path))

    return write


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("<p>Hello</p>", "html"),
        ("<p>data-composition-id=main</p>", "html"),
        ("<template><p data-composition-id=main></p></template>", "html"),
        ("<script>window.__timelines = {}</script>", "html"),
        (f"{ROOT}></div>", "hyperframes"),
        ("<script>new Helios({})</script>", "helios"),
        ("<p>new Helios</p>", "html"),
        ('<script src="core.js"></script>', "helios"),
        ('<link rel="modulepreload" href="/core.js"><script></script>', "helios"),
        ('<script src="lost.js"></script>', "html"),
        ("<p data-composition-src='a.html'></p>", "hyperframes"),
    ],
)
def test_a_page_tells_its_dialect(page: Page, body: str, name: str) -> None:
    assert open_dialect(page(body), None)[0].name == name


def test_scripts_outside_the_served_folder_dont_tell_a_dialect(page: Page, tmp_path: Path) -> None:
    page('<script src="core.js"></script>')
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/link.js").symlink_to(tmp_path / "core.js")
    for address in ("../core.js", "/core.js", "link.js", "http://[/core.js"):
        (tmp_path / "inner/index.html").write_text(f'<script src="{address}"></script>')
        assert open_dialect(Composition.find(str(tmp_path / "inner")), None)[0].name == "html"


def test_another_dialect_can_be_chosen(page: Page) -> None:
    dialect, declared = open_dialect(page(f"{ROOT} data-fps=50></div>"), "html")
    assert (dialect.name, declared) == ("html", PageDefaults())
    assert open_dialect(page("<p>Hello</p>"), "hyperframes")[0].name == "hyperframes"
    with pytest.raises(
        OptionInvalid,
        match="'other': must be one of remotion, hyperframes, helios, svg, image, lottie, html",
    ):
        open_dialect(page("<p>Hello</p>"), "other")


@pytest.mark.parametrize(
    ("attributes", "declared"),
    [
        ("data-width=640 data-height=360", PageDefaults(width=640, height=360)),
        ("", PageDefaults(width=1080, height=1920)),
        (
            "data-width=8 data-height=8 data-fps=30000/1001",
            PageDefaults(width=8, height=8, rate=Fraction(30000, 1001)),
        ),
    ],
)
def test_the_root_declares_size_and_rate(
    page: Page, attributes: str, declared: PageDefaults
) -> None:
    body = f"<div data-composition-id=main {attributes}><p data-composition-id=other data-width=9>"
    assert open_dialect(page(body), None)[1] == declared


def test_the_root_may_be_marked(page: Page) -> None:
    body = f"{ROOT}></div><div data-composition-id=b data-root=true data-width=64 data-height=48>"
    assert open_dialect(page(body), None)[1] == PageDefaults(width=64, height=48)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[NaN]", "{}"], ids=lambda text: text[:5])
def test_declarations_that_are_no_json_array_declare_nothing(page: Page, text: str) -> None:
    body = f"{ROOT} data-composition-variables='{text}'></div>"
    assert open_dialect(page(body), None)[1].variables is None


@pytest.mark.parametrize("attribute", ["data-width=wide", "data-height=-1", "data-fps=none"])
def test_an_invalid_size_or_rate_is_refused(page: Page, attribute: str) -> None:
    with pytest.raises(OptionInvalid):
        open_dialect(page(f"<div data-composition-id=main {attribute}>"), None)


@pytest.mark.parametrize(
    ("dialect", "seconds", "frames"),
    [
        ("hyperframes", "1.01", 11),
        ("hyperframes", "1.00004", 10),
        ("hyperframes", "1", 10),
        ("html", "1.01", 10),
    ],
)
def test_a_started_frame_counts_in_hyperframes(dialect: str, seconds: str, frames: int) -> None:
    assert DIALECTS[dialect].frame_count(Fraction(seconds), Fraction(10)) == frames


def test_more_than_a_day_is_refused() -> None:
    with pytest.raises(DialectUnsupported, match="24 hours"):
        DIALECTS["hyperframes"].frame_count(Fraction(24 * 3600 + 1), Fraction(30))


# --- in a browser


def _facts(studio: Studio, composition: Composition, **options: object) -> CompositionFacts:
    dialect, declared = open_dialect(composition, None)
    page = PageOptions(
        width=declared.width,
        height=declared.height,
        rate=declared.rate,
        dialect=dialect,
        **options,  # type: ignore[arg-type]
    )
    return studio.run(inspect(composition, page, audio=False))


@pytest.mark.browser
@pytest.mark.parametrize(
    ("body", "duration"),
    [
        (f"{ROOT} data-duration=6></div>", 6),
        (f"{ROOT} data-duration=6></div><script>root.dataset.duration = 9</script>", 6),
        (
            f"{ROOT}><p data-composition-id=a data-start=1 data-duration=3></p></div>",
            4,
        ),
        (
            f"{ROOT}></div><script>__timelines.main ="
            "{ totalTime: () => 0, totalDuration: () => 2.5, pause() {} }</script>",
            2.5,
        ),
        (
            f"<style>@keyframes a {{ to {{ opacity: 0 }} }}</style>{ROOT}>"
            "<p data-start=1 style='animation: a 2s'></p></div>",
            3,
        ),
    ],
)
def test_a_length_that_isnt_declared_is_that_of_what_moves(
    studio: Studio, page: Page, body: str, duration: float
) -> None:
    facts = _facts(studio, page(body.replace("<div", "<div id=root", 1)))
    assert facts.duration == pytest.approx(duration)
    assert facts.as_json()["dialect"] == "hyperframes"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (f"{ROOT} data-duration=1><p data-composition-src=no.html></p>", AssetMissing, "no.html"),
        (
            f"{ROOT} data-duration=1><p data-composition-src=empty.html></p>",
            DialectUnsupported,
            "empty.html",
        ),
        (
            f"{ROOT} data-duration=1></div><script>__hf.transitions = [{{}}]</script>",
            DialectUnsupported,
            "HyperShader",
        ),
        (f"{ROOT} data-duration=1><img data-color-grading='{{}}'>", DialectUnsupported, "grading"),
        (
            f"{ROOT} data-duration=1></div><script>__hyperframes.pretext</script>",
            DialectUnsupported,
            "pretext",
        ),
        (f"{ROOT} data-duration=0></div>", DurationUnknown, "no duration"),
    ],
)
def test_what_isnt_honoured_is_refused_by_name(
    studio: Studio, page: Page, body: str, error: type[HeliosError], words: str
) -> None:
    composition = page(body)
    assert composition.root is not None
    (composition.root / "empty.html").write_text("<template></template>")
    with pytest.raises(error) as caught:
        _facts(studio, composition).frames(Fraction(30))
    assert words in str(caught.value)


def _warnings(studio: Studio, composition: Composition, **options: object) -> list[RenderWarning]:
    return list(_facts(studio, composition, **options).warnings)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (f"{ROOT} data-duration=1><p data-fx-chain></p>", "DIALECT_FEATURE_IGNORED", "data-fx"),
        (
            f"{ROOT} data-duration=1><p style='font-family: Unheard, serif'>text</p>",
            "FONT_MISSING",
            "Unheard",
        ),
        (
            f"{ROOT} data-duration=1 data-composition-variables='"
            '[{"id": "size", "type": "number", "default": 1}]\'></div>',
            "VARIABLE_MISMATCH",
            "size is no number, props: other isn't declared",
        ),
    ],
)
def test_what_may_look_otherwise_is_warned_of(
    studio: Studio, page: Page, body: str, code: str, words: str
) -> None:
    props = {"size": "large", "other": 1} if code == "VARIABLE_MISMATCH" else {}
    found = _warnings(studio, page(body), props=props)
    assert [warning.code for warning in found] == [code]
    assert words in found[0].message


@pytest.mark.browser
def test_overrides_of_captions_are_warned_of(studio: Studio, page: Page, tmp_path: Path) -> None:
    (tmp_path / "caption-overrides.json").write_text("[]")
    found = _warnings(studio, page(f"{ROOT} data-duration=1></div>"))
    assert [warning.code for warning in found] == ["DIALECT_FEATURE_IGNORED"]
    assert "caption-overrides.json" in found[0].message


@pytest.mark.browser
def test_the_largest_text_that_fits_is_found(studio: Studio, page: Page) -> None:
    script = """<script>
const { fitTextFontSize } = __hyperframes;
const { fontSize, fits } = fitTextFontSize("wide text", { maxWidth: 200, minFontSize: 10 });
const long = fitTextFontSize("wide text", { maxWidth: 20 });
const isRight = fits && fontSize < 78 && fontSize > 10 && !long.fits && long.fontSize === 42;
if (!isRight) throw new Error();
</script>"""
    assert _warnings(studio, page(f"{ROOT} data-duration=1></div>{script}")) == []
