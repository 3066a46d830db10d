"""What can be set for a render: by keywords as by flags, refused before any work."""

from enum import Enum
from fractions import Fraction
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import typer.main

import orchestrator
import orchestrator.cli
from helios.errors import OptionInvalid
from orchestrator import still
from orchestrator.api.jobs.resume_settings import ResumeKeywords, resume_changes
from orchestrator.api.rendering.checks import check_detached, check_format, check_incremental
from orchestrator.api.rendering.keywords import RenderKeywords
from orchestrator.api.rendering.planning import frame_at
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.target import Lambda, Local
from orchestrator.cli.options.flag_names import in_flags
from orchestrator.cli.options.render_options import Cut, Encoding, Picture, Seams, Sound, Timing
from orchestrator.cli.options.run_options import Chunks, Limits, Reports
from orchestrator.delivery.destination import Destination
from orchestrator.model.render_fields import SETTINGS, TYPES
from orchestrator.model.settings import WebhookSettings

VIDEO = Destination.of("v.mp4")


def by_flags(**flags: Any) -> RenderSettings:
    """Return what the command line makes of flags that aren't given but for these."""
    keywords: dict[str, Any] = {}
    for group in (Timing, Picture, Sound, Encoding, Cut, Seams, Chunks, Limits, Reports):
        names = {field for field in group.__dataclass_fields__ if field in flags}
        keywords |= group(**{name: flags[name] for name in names}).keywords()
    return RenderSettings.of(keywords)


def test_flags_and_keywords_have_the_same_defaults() -> None:
    flags, keywords = by_flags(), RenderSettings()
    assert flags.picture() == keywords.picture()
    assert flags.sizes(4, remote=True) == keywords.sizes(4, remote=True)
    assert flags.run_settings(4) == keywords.run_settings(4)
    assert flags == keywords


def test_editors_see_every_setting_and_no_other() -> None:
    arguments = {"merge", "only_chunks"}  # of `render`, as they decide what it returns
    assert set(get_type_hints(RenderKeywords)) | arguments == set(SETTINGS)


def members(kind: Any) -> set[Any]:
    """Return the types and values that a type allows, whatever else they have to be."""
    if get_origin(kind) is Annotated:
        return members(kind.__origin__)
    if get_origin(kind) in (Union, UnionType, Literal):
        return {each for part in get_args(kind) for each in members(part)}
    return set(kind) if isinstance(kind, type) and issubclass(kind, Enum) else {kind}


def test_editors_see_the_types_of_the_settings() -> None:
    for name, kind in get_type_hints(RenderKeywords).items():
        assert members(TYPES[name]) <= members(kind), name
    for name, kind in get_type_hints(ResumeKeywords).items():
        assert members(TYPES[name]) | {NoneType} == members(kind | None), name


def test_every_flag_of_a_render_is_a_setting_a_target_or_about_the_command() -> None:
    commands = typer.main.get_command(orchestrator.cli.app).commands  # type: ignore[attr-defined]
    names = {parameter.name for parameter in commands["render"].params}
    target = {"function", "merge_function", "stack", "profile", "region", "service_url"}
    about = {"adapter", "impersonate", "artifacts", "detach", "request_id", "json", "verbose"}
    about |= {"open_it"}
    shown = {"report", "web", "web_port", "notify"}  # of a job handle, or of no use to a program
    known = {*SETTINGS, *target, *about, *shown, "source", "output"}
    assert names <= known
    assert set(SETTINGS) - {"size"} <= names


def test_values_are_taken_as_programs_have_them() -> None:
    settings = RenderSettings.of(
        {"fps": Fraction(30000, 1001), "size": (640, 360), "props": {"a": 1}, "deadline": 90}
    )
    picture = settings.picture()
    assert (picture.rate, picture.props) == (Fraction(30000, 1001), {"a": 1})
    assert (picture.width, picture.height) == (640, 360)
    assert settings.run_settings(1).deadline == 90
    assert by_flags(fps="29.97", props='{"a": 1}').picture().rate == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("chosen", "found", "flag"),
    [
        (None, "html", []),
        ("html", "html", ["--dialect", "html"]),
        (None, "hyperframes", ["--dialect", "hyperframes"]),
        ("hyperframes", "hyperframes", ["--dialect", "hyperframes"]),
    ],
)
def test_chunks_are_told_a_dialect_that_was_chosen(
    chosen: str | None, found: str, flag: list[str]
) -> None:
    flags = RenderSettings(dialect=chosen).picture(found).page_flags()
    assert flags == ["--fps", "30", *flag]


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"width": "wide"}, "width"),
        ({"retries": -1}, "retries"),
        ({"concurrency": 0}, "concurrency"),
        ({"seam_check": "maybe"}, "seam_check"),
        ({"max_cost": 0}, "max_cost"),
        ({"max_cost": float("nan")}, "max_cost"),
        ({"jpeg_quality": 101}, "jpeg_quality"),
        ({"size": (1,)}, "size"),
        ({"format": "dash"}, "format"),
        ({"quality": "superb"}, "quality"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_by_its_keyword_and_by_its_flag(
    keywords: dict[str, Any], name: str
) -> None:
    with pytest.raises(OptionInvalid) as caught:
        RenderSettings.of(keywords)
    assert caught.value.message.startswith(f"`{name}` ")
    flag = "--width and --height" if name == "size" else f"--{name.replace('_', '-')}"
    assert in_flags(caught.value.message).startswith(f"{flag} ")


@pytest.mark.parametrize(
    "settings",
    [
        lambda: RenderSettings.of({"deadline": "soon"}).run_settings(1),
        lambda: RenderSettings.of({"deadline": -1}).run_settings(1),
        lambda: resume_changes({"deadline": 0}),
    ],
)
def test_what_is_no_time_is_refused(settings: Any) -> None:
    with pytest.raises(OptionInvalid, match="`deadline`"):
        settings()


def test_several_faults_are_told_at_once() -> None:
    with pytest.raises(OptionInvalid) as caught:
        RenderSettings.of({"width": "wide", "retries": -1})
    assert [detail.split()[0] for detail in caught.value.details] == ["`width`", "`retries`"]


def test_a_keyword_that_there_is_not_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="'fsp'"):
        orchestrator.render("page", "v.mp4", fsp=30)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"retries": 7}, "`retries`: doesn't go with `submit`"),
        ({"webhook_progress": 5}, "`webhook_progress`: doesn't go with `submit`"),
        ({"incremental": True}, "`incremental`: doesn't go with `submit`"),
    ],
)
def test_what_only_this_machine_would_do_is_refused_of_a_detached_render(
    keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionInvalid, match=message):
        check_detached(RenderSettings.of(keywords), VIDEO, None, [])
    check_detached(RenderSettings(), VIDEO, None, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((VIDEO, None, ["function"]), "`function`: doesn't go with `submit`"),
        ((Destination.of("v.m3u8"), None, []), "a playlist grows on this machine only"),
        ((Destination.of("s3://bucket/v.mp4"), None, []), "leaves its video in its own folder"),
        ((VIDEO, "-x", []), "can't be an id"),
        ((VIDEO, "batch-20261201-101500-7kx2m4", []), "batches and their rows are called so"),
    ],
)
def test_a_detached_render_is_refused_that_could_not_be(arguments: Any, message: str) -> None:
    with pytest.raises(OptionInvalid, match=message):
        check_detached(RenderSettings(), *arguments)


def test_an_invalid_receiver_is_refused_before_a_render_is_detached() -> None:
    with pytest.raises(OptionInvalid, match="not an http:// or https:// URL"):
        RenderSettings(webhook="ftp://example.com").receiver()
    with pytest.raises(OptionInvalid, match="`webhook_link`: goes with `webhook`"):
        RenderSettings(webhook_link="1h").receiver()
    for wrong in ("0s", "8d", "169h", -1.0):
        with pytest.raises(OptionInvalid, match=r"is no duration|can't last"):
            RenderSettings(webhook="https://example.com", webhook_link=wrong).receiver()


def test_a_stack_signs_with_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELIOS_WEBHOOK_SECRET", raising=False)

    receiver = RenderSettings(webhook="https://example.com", webhook_link="1h").receiver()
    assert receiver == WebhookSettings(url="https://example.com", link=3600)
    assert RenderSettings().receiver() is None


@pytest.mark.parametrize(
    ("source", "target", "keywords", "message"),
    [
        ("film", Lambda(function="f"), {}, "doesn't go with `target`"),
        ("film", Local(), {"resume": True}, "doesn't go with `resume`"),
        ("http://127.0.0.1:1/", Local(), {}, "what has changed at http://127.0.0.1:1/"),
        ("film", Local(), {"codec": "gif"}, "rendered as one chunk"),
    ],
)
def test_what_cannot_be_incremental_is_refused(
    source: str, target: Any, keywords: dict[str, Any], message: str
) -> None:
    settings = RenderSettings.of({"incremental": True, **keywords})
    with pytest.raises(OptionInvalid, match=message):
        check_incremental(settings, source, [target], VIDEO)


def test_a_format_that_the_output_is_not_of_is_refused() -> None:
    with pytest.raises(OptionInvalid, match="`format` hls"):
        check_format(RenderSettings(format="hls"), VIDEO)
    check_format(RenderSettings(format="hls"), Destination.of("v.m3u8"))


@pytest.mark.parametrize(
    ("at", "frame"),
    [(0, 0), ("45", 45), ("0s", 0), ("1.5s", 45), ("1s", 30), ("0.99s", 29), ("1m0.5s", 1815)],
)
def test_a_still_is_of_a_frame_or_of_the_one_that_is_shown_at_a_time(
    at: int | str, frame: int
) -> None:
    assert frame_at(at, Fraction(30)) == frame


@pytest.mark.parametrize("at", [-1, "-1s", "1.5", "soon", "", "s", "1 s"])
def test_what_is_neither_frame_nor_time_is_refused(at: int | str) -> None:
    with pytest.raises(OptionInvalid, match=r"`at`|is no duration"):
        frame_at(at, Fraction(30))


def test_a_still_takes_no_setting_of_videos() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'crf'"):
        still("page", "still.png", crf=10)  # type: ignore[call-arg]
    with pytest.raises(OptionInvalid, match=r"a still is a \.png"):
        still("page", "still.mp4")
