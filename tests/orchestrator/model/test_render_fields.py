"""The settings of a render as flags."""

import json
from typing import Any

import pytest
import typer.main

import orchestrator.cli
from orchestrator.model.render_fields import DEFAULTS, SETTINGS, flag_of, flags_of

#: A value of each setting that isn't its default, where text or a number isn't one.
_VALUES: dict[str, Any] = {
    **{"fps": "30000/1001", "props": {"title": "Grüße", "dash": "--x"}, "size": (320, 180)},
    **{"replay": False, "backups": True, "audio": False, "merge": False, "only_chunks": [1, 2]},
    **{"codec": "h264", "locale": "de", "width": 320, "height": 180, "frames": 4, "crf": 20},
    **{"jpeg_quality": 80, "chunks": 3, "frames_per_chunk": 9, "concurrency": 2},
}


def _example(name: str) -> Any:
    if name in _VALUES:
        return _VALUES[name]
    default = DEFAULTS[name]
    if isinstance(default, bool):
        return not default
    return default + 1 if isinstance(default, (int, float)) else "7"


def _parsed(*arguments: str) -> dict[str, Any]:
    commands = typer.main.get_command(orchestrator.cli.app).commands  # type: ignore[attr-defined]
    context = commands["render"].make_context("render", ["page", "-o", "v.mp4", *arguments])
    return dict(context.params)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_as_flags_is_parsed_as_its_value(name: str) -> None:
    value = _example(name)
    given = {"width": 320, "height": 180} if name == "size" else {name: value}
    words = flags_of({name: value})
    parsed, usual = _parsed(*words), _parsed()
    for each, wanted in given.items():
        assert parsed[each] != usual[each]
        match wanted:
            case dict():
                assert json.loads(parsed[each]) == wanted
            case list():
                assert list(parsed[each]) == wanted
            case _:
                assert str(parsed[each]) in (str(wanted), f"{wanted}.0")
    assert {each for each in parsed if parsed[each] != usual[each]} == set(given)


def test_a_setting_that_is_not_given_has_no_flag() -> None:
    assert flags_of({"fps": None, "transparent": False, "size": None}) == []


def test_a_pair_of_flags_is_named_by_the_value() -> None:
    assert flag_of("composition_id") == "--composition"
    assert flag_of("audio", value=False) == "--no-audio"
    assert flag_of("audio", value=True) == flag_of("audio") == "--audio"
    assert flag_of("transparent", value=False) == "--transparent"
