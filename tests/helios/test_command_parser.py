"""Arguments of the `helios` command become the parameters of a function."""

import re
from pathlib import Path
from typing import Annotated, Any

import pytest

from helios.cli.command_parser import Argument, Flag, run_command

VARIABLE = "HELIOS_TEST_RECORD"


def called(*words: str) -> dict[str, Any]:
    """Return the parameters that a command gets for its arguments."""
    got: dict[str, Any] = {}

    def command(  # noqa: PLR0917
        output: Annotated[Path, Argument("The video.")],
        name: Annotated[str, Flag("A name.", ("--name", "-n"))],
        inputs: Annotated[list[Path] | None, Argument("Chunks.")] = None,
        frame_count: Annotated[int | None, Flag("Frames.")] = None,
        scale: Annotated[float, Flag("100 % is 1.")] = 1.0,
        quality: Annotated[int, Flag("Quality.", within=range(1, 101))] = 90,
        replay: Annotated[bool | None, Flag("Replay.", ("--replay", "--no-replay"))] = None,
        no_audio: Annotated[bool, Flag("Silent.")] = False,
        record: Annotated[Path | None, Flag("A record.", variable=VARIABLE)] = None,
        old: Annotated[bool, Flag("Secret.", hidden=True)] = False,
    ) -> None:
        """Join chunks."""
        got.update(locals())
        del got["got"]

    run_command("helios join", command, words)
    return got


DEFAULTS = called("v.mp4", "-n", "x")


def test_what_is_not_given_has_its_default() -> None:
    assert DEFAULTS["output"] == Path("v.mp4")
    assert DEFAULTS["name"] == "x"
    assert DEFAULTS["inputs"] in (None, [])
    values = [DEFAULTS[name] for name in ("frame_count", "scale", "quality", "replay", "record")]
    assert values == [None, 1.0, 90, None, None]
    assert DEFAULTS["no_audio"] is DEFAULTS["old"] is False


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (("--frame-count", "12"), {"frame_count": 12}),
        (("--frame-count=-3",), {"frame_count": -3}),
        (("--frame-count", "-3"), {"frame_count": -3}),
        (("--scale", "inf"), {"scale": float("inf")}),
        (("--replay",), {"replay": True}),
        (("--no-replay",), {"replay": False}),
        (("--no-audio",), {"no_audio": True}),
        (("--old",), {"old": True}),
        (("--record", "r.json"), {"record": Path("r.json")}),
        (
            ("a.mp4", "--scale", "2", "b.mp4"),
            {"inputs": [Path("a.mp4"), Path("b.mp4")], "scale": 2},
        ),
        (("--", "-a.mp4"), {"inputs": [Path("-a.mp4")]}),
    ],
)
def test_what_is_given_is_converted(words: tuple[str, ...], changed: dict[str, Any]) -> None:
    assert called("v.mp4", "--name", "x", *words) == DEFAULTS | changed


def test_a_variable_stands_for_a_flag_that_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "r.json")
    assert called("v.mp4", "-nx")["record"] == Path("r.json")
    assert called("v.mp4", "-nx", "--record", "other")["record"] == Path("other")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("v.mp4",), "--name/-n is required"),
        ((), "output"),
        (("v.mp4", "-nx", "--frames", "3"), "--frames"),
        (("v.mp4", "--frames"), "--frames"),
        (("v.mp4", "-nx", "--frame-count", "few"), "--frame-count: invalid int value: 'few'"),
        (("v.mp4", "-nx", "--quality", "101"), "--quality: 101 is not from 1 to 100"),
        (("v.mp4", "-nx", "--scale"), "--scale"),
        (("v.mp4", "-nx", "--no-audio=yes"), "--no-audio"),
        (("v.mp4", "-nx", "--no-aud"), "--no-aud"),
    ],
)
def test_wrong_arguments_are_told_by_their_name(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        called(*words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_help_describes_each_flag_that_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        called("--help")
    assert ended.value.code == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    for part in ("Join chunks.", "[required]", "100 % is 1. [default: 1.0]", "--no-replay"):
        assert part in text
    assert "--old" not in text
