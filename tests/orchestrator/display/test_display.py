import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from orchestrator.display.bar_display import BarDisplay
from orchestrator.display.choice import choose_display
from orchestrator.display.event_text import duration
from orchestrator.display.json_display import JsonDisplay
from orchestrator.display.line_display import LineDisplay
from orchestrator.display.progress import JobProgress
from orchestrator.model.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    Event,
    FrameProgress,
    LogLine,
    MergeFinished,
    MergeStarted,
)

ERROR = ErrorRecord(code="BROWSER_CRASHED", message="it is gone", retryable=True)
STORY: list[Event] = [
    ChunkStarted(0, 1),
    LogLine(0, "stderr", "page[frame 3] error: oh [b]no[/b]"),
    LogLine(0, "stderr", "encoder: fine"),
    FrameProgress(0, 5, 10, 5, 20, 9.5),
    ChunkRetrying(0, 1, 0.5, ERROR),
    ChunkStarted(0, 2),
    ChunkFinished(0, 2, 1.5),
    ChunkFailed(1, 3, ERROR),
    MergeStarted(2),
    LogLine(None, "stderr", "joined"),
    MergeFinished(Path("v.mp4"), 0.25),
]


def a_spec(chunks: int = 2) -> JobSpec:
    facts = {"totalFrames": chunks * 10, "fps": 10, "width": 2, "height": 2, "duration": chunks}
    parts = [
        {"id": n, "startFrame": n * 10, "frameCount": 10, "outputFile": f"{n}.mp4", "command": "x"}
        for n in range(chunks)
    ]
    return JobSpec.parse(json.dumps({"metadata": facts, "chunks": parts, "mergeCommand": ""}))


def tell(display: Any, spec: JobSpec | None = None) -> None:
    with display.job(spec or a_spec()):
        for event in STORY:
            display.show(event)
    display.note("completed", "v.mp4: 20 frames", output="v.mp4", frames=20)


def terminal(width: int, *, encoding: str = "utf-8") -> tuple[Console, io.StringIO]:
    class Screen(io.StringIO):
        @property
        def encoding(self) -> str:  # type: ignore[override]
            return encoding

    screen = Screen()
    return Console(file=screen, force_terminal=True, width=width, color_system=None), screen


def view(display: BarDisplay, console: Console) -> list[str]:
    beside, screen = terminal(console.width, encoding=console.encoding)
    beside.print(display._view())
    return screen.getvalue().splitlines()


def test_a_program_gets_every_event_as_one_document_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(JsonDisplay())
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["event"] for document in documents] == [
        *("chunk_started", "log_line", "log_line", "frame_progress", "chunk_retrying"),
        *("chunk_started", "chunk_finished", "chunk_failed", "merge_started", "log_line"),
        *("merge_finished", "completed"),
    ]
    assert documents[3] == {
        "event": "frame_progress",
        "chunkId": 0,
        "frame": 5,
        "frameCount": 10,
        "framesDone": 5,
        "framesTotal": 20,
        "fps": 9.5,
    }
    assert documents[4]["error"] == {
        "code": "BROWSER_CRASHED",
        "message": "it is gone",
        "retryable": True,
    }
    assert documents[-2]["output"] == "v.mp4"


def test_a_name_that_is_no_unicode_does_not_break_the_documents(
    capsys: pytest.CaptureFixture[str],
) -> None:
    JsonDisplay().note("completed", "", output="a\udcff\nb")
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["output"] == "a\udcff\nb"


def test_a_log_gets_what_people_want_to_know_and_little_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(LineDisplay(verbose=False))
    assert capsys.readouterr().err.splitlines() == [
        "chunk 0: page[frame 3] error: oh [b]no[/b]",
        "chunk 0: attempt 1 failed [BROWSER_CRASHED] it is gone; again in 0.5 s",
        "chunk 1: failed; what runs is waited for",
        "v.mp4: 20 frames",
    ]


def test_a_verbose_log_gets_what_workers_say_too(capsys: pytest.CaptureFixture[str]) -> None:
    tell(LineDisplay(verbose=True))
    lines = capsys.readouterr().err.splitlines()
    assert {"chunk 0: encoder: fine", "chunk 0: done in 1.5 s", "merge: joined"} <= set(lines)


def test_lines_of_progress_come_ever_more_rarely(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("orchestrator.display.line_display.time.monotonic", lambda: now)
    display = LineDisplay(verbose=False)
    spec = a_spec(1000)
    with display.job(spec):
        display.progress = JobProgress(spec, clock=lambda: now)
        for frame in range(10_000):
            now = frame * 0.36
            display.show(FrameProgress(frame // 10, frame % 10, 10, frame, 10_000))
    lines = capsys.readouterr().err.splitlines()
    assert 20 < len(lines) < 60
    assert lines[5].startswith("84/10000 frames  0/1000 chunks  2.8 frames/s  59 min")


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_frames_speed_time_left_and_a_mark_for_each_chunk(width: int) -> None:
    now = 0.0
    console, _ = terminal(width)
    display = BarDisplay(console, verbose=False)
    with display.job(a_spec(5), done=[4]):
        display.progress = JobProgress(a_spec(5), done=[4], clock=lambda: now)
        display.show(ChunkStarted(0, 1))
        display.show(ChunkFinished(0, 1, 1.0))
        display.show(ChunkStarted(1, 1))
        display.show(FrameProgress(1, 1, 10, 21, 50))
        now = 2.0
        display.show(FrameProgress(1, 5, 10, 25, 50))
        display.show(ChunkFailed(2, 1, ERROR))
        bar, chunks = view(display, console)
    assert len(bar) <= width
    assert bar.startswith("rendering  ━")
    assert bar.rstrip().endswith("25/50 frames    2.0 frames/s   12 s left")
    assert chunks.rstrip() == "chunks     █▄✗·█  2/5"


def test_more_chunks_than_columns_are_counted() -> None:
    console, _ = terminal(80)
    display = BarDisplay(console, verbose=False)
    with display.job(a_spec(60)):
        display.show(ChunkStarted(0, 1))
        assert view(display, console)[1] == "chunks     0/60 done, 1 running"


def test_a_terminal_without_unicode_gets_plain_characters() -> None:
    console, screen = terminal(80, encoding="ascii")
    display = BarDisplay(console, verbose=False)
    tell(display)
    with display.job(a_spec()):
        display.show(ChunkStarted(0, 1))
        view(display, console)
        assert " ".join(view(display, console)).isascii()
    assert "OK v.mp4: 20 frames" in screen.getvalue()


def test_a_terminal_shows_texts_as_they_are() -> None:
    console, screen = terminal(40)
    tell(BarDisplay(console, verbose=True))
    assert "page[frame 3] error: oh [b]no[/b]" in screen.getvalue()
    assert "✓ v.mp4: 20 frames" in screen.getvalue()


def test_the_display_suits_its_output_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    assert isinstance(choose_display(as_json=True, verbose=False), JsonDisplay)
    assert isinstance(choose_display(as_json=False, verbose=False), LineDisplay)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(choose_display(as_json=False, verbose=False), BarDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose_display(as_json=False, verbose=False), LineDisplay)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (4800, "1 h 20 min")],
)
def test_durations_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
