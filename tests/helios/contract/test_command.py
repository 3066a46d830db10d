import shlex
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.contract.command import format_command, parse_command
from helios.errors import CommandInvalid, HeliosError

ARGUMENTS = st.lists(st.text(st.characters(exclude_characters="\0")))
QUOTABLE = st.text("ab '\"\\\t\n\r$;|#*~é")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("helios render a.html -o b.mov", ["helios", "render", "a.html", "-o", "b.mov"]),
        ("  spaced \t out\r\n", ["spaced", "out"]),
        ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
        ("a '' \"\"", ["a", "", ""]),
        (r"a\ b \'c\' \\", ["a b", "'c'", "\\"]),
        (r'"\"quoted\"" "\\" "\n"', ['"quoted"', "\\", r"\n"]),
        (r"'\n \'", [r"\n \ ".strip()]),
        ("glued'to'\"gether\"", ["gluedtogether"]),
        ("", []),
        ("a\u00a0b\u2028c", ["a\u00a0b\u2028c"]),
    ],
)
def test_quotes_and_backslashes_decide_where_arguments_end(
    command: str, arguments: list[str]
) -> None:
    assert parse_command(command) == arguments


def test_nothing_is_expanded_or_run() -> None:
    command = "echo $HOME `id` $(id) ; rm | cat > x && y # *.mov ~"
    assert parse_command(command) == command.split(" ")


@pytest.mark.parametrize("command", ["a 'b", 'a "b', 'a "b\\"', "a\\", "'", '"', "\\"])
def test_an_open_quote_or_a_trailing_backslash_is_refused(command: str) -> None:
    with pytest.raises(CommandInvalid):
        parse_command(command)


def test_a_nul_character_is_refused_both_ways() -> None:
    with pytest.raises(CommandInvalid):
        parse_command("a\0b")
    with pytest.raises(CommandInvalid):
        format_command(["a\0b"])


def test_a_long_command_with_an_open_quote_is_refused_at_once() -> None:
    started = time.process_time()
    with pytest.raises(CommandInvalid):
        parse_command('"' + "\\a" * 500_000)
    assert time.process_time() - started < 2


@given(ARGUMENTS)
def test_formatted_arguments_come_back_as_they_were(arguments: list[str]) -> None:
    assert parse_command(format_command(arguments)) == arguments


@given(QUOTABLE)
def test_arguments_are_those_of_a_posix_shell(command: str) -> None:
    try:
        expected = shlex.split(command)
    except ValueError:
        with pytest.raises(CommandInvalid):
            parse_command(command)
    else:
        assert parse_command(command) == expected


@given(st.text())
def test_any_text_is_split_or_refused(command: str) -> None:
    try:
        arguments = parse_command(command)
    except HeliosError:
        return
    assert all(isinstance(argument, str) for argument in arguments)
