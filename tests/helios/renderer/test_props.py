"""The object that a page finds in `window.__HELIOS_PROPS__`."""

from pathlib import Path

import pytest

from helios.errors import OptionInvalid
from helios.renderer.props import parse_props, read_props


def test_an_object_is_taken_as_it_is() -> None:
    text = '{"title": "Grüße \\ud83d\\ude00", "n": [1, 2.5, null, true], "deep": {"a": {}}}'
    assert read_props(text) == {
        "title": "Grüße 😀",
        "n": [1, 2.5, None, True],
        "deep": {"a": {}},
    }
    assert read_props(" {} ") == {}


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "with spaces.json"
    path.write_text('{"title": "Grüße"}', "utf-8")
    assert read_props(f"@{path}") == {"title": "Grüße"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "title=1",
        "[1]",
        '"text"',
        "3",
        "null",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        "[" * 9999,
    ],
    ids=lambda text: str(text)[:12],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(OptionInvalid, match="props"):
        read_props(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionInvalid, match=r"lost\.json"):
        read_props(f"@{tmp_path / 'lost.json'}")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\0")
    with pytest.raises(OptionInvalid, match=r"binary\.json"):
        read_props(f"@{tmp_path / 'binary.json'}")
    with pytest.raises(OptionInvalid, match="can't be read"):
        read_props(f"@{tmp_path}")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(OptionInvalid, match=r"list\.json: must be a JSON object"):
        read_props(f"@{tmp_path / 'list.json'}")


def test_a_text_of_props_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(OptionInvalid, match="not JSON"):
        parse_props(f"@{tmp_path / 'a.json'}")
