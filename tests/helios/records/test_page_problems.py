"""What a page logged or threw, collected from the output of the command that renders it."""

from helios.contract.messages.page_message import PageMessage
from helios.records.page_problems import MAX_LENGTH, MAX_MESSAGES, PageProblems, problems_in


def test_errors_and_warnings_are_kept_and_what_else_is_said_is_not() -> None:
    lines = [
        "page[load] error: TypeError: x is undefined",
        "    at draw (app.js:3)",
        "page[frame 43] warning: slow",
        "page[frame 43] log: hello",
        "progress frame=1 total=10",
    ]

    found = problems_in(lines)

    assert [(each.frame, each.level, each.text) for each in found] == [
        (None, "error", "TypeError: x is undefined"),
        (43, "warning", "slow"),
    ]
    assert list(map(str, found)) == [lines[0], lines[2]]


def test_a_message_that_comes_in_every_frame_is_one_with_a_count() -> None:
    found = problems_in(f"page[frame {frame}] error: again" for frame in range(3, 9))

    assert found == [PageMessage(frame=3, level="error", text="again", count=6)]
    assert str(found[0]) == "page[frame 3] error: again (6 times)"


def test_no_page_makes_a_record_long() -> None:
    problems = PageProblems()
    for number in range(10 * MAX_MESSAGES):
        problems("stderr", f"page[load] error: {number} {'x' * 10 * MAX_LENGTH}")

    assert len(problems.messages) == MAX_MESSAGES
    assert {len(message.text) for message in problems.messages} == {MAX_LENGTH}


def test_lines_reach_other_listeners_and_secrets_are_not_kept() -> None:
    heard: list[tuple[str, str]] = []
    problems = PageProblems(lambda stream, line: heard.append((stream, line)))
    line = "page[load] error: GET https://a.example/x?signature=abc failed"

    problems("stdout", line)
    problems("stderr", line)

    assert heard == [("stdout", line), ("stderr", line)]
    (message,) = problems.messages
    assert "abc" not in message.text
