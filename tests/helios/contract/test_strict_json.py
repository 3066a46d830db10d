"""Which texts are JSON that every program can read, and which are refused."""

import json
from typing import Any

import pytest

from helios.contract.strict_json import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    "value",
    [None, -1.5, 1.7e308, 10**307, "Grüße \ud83d", [], {"a": [{"b": True}, 2]}],
    ids=lambda value: str(value)[:12].encode("ascii", "replace").decode(),
)
def test_a_value_is_read_as_it_was_written(value: Any) -> None:
    text = json.dumps(value)
    assert parse_json(text) == value
    assert parse_json(b"\xef\xbb\xbf" + text.encode()) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("[1] 2", "Extra data"),
        ('{"a": NaN}', "NaN is not in the standard"),
        ("-Infinity", "-Infinity is not in the standard"),
        ("[-1e999]", "-1e999 is too large a number"),
        ("9" * 400, "is too large a number"),
        ("9" * 5000, "is too large a number"),
        ("[" * 100_000, "nested more than 200 deep"),
        ('{"a":' * 201 + "1" + "}" * 201, "nested more than 200 deep"),
        ("{}".encode("utf-16"), "codec can't decode"),
    ],
    ids=lambda text: str(text)[:12],
)
def test_what_other_programs_dont_read_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_nesting_up_to_the_limit_is_read() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse_json(text)) == text
