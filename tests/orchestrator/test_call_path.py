"""The way from the command line to a chunk is short, and as docs/architecture.md draws it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.storage.object_stores import create_bucket, s3_server
from tests.helios.worker_setup import make_spec

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def call_path(folder: Path, *flags: str, env: Mapping[str, str] | None = None) -> list[list[str]]:
    """Return the files and functions between `orchestrator run` and its first chunk."""
    spec = folder / "job.json"
    spec.write_text(make_spec().to_json())
    result = folder / "calls.json"
    command = [sys.executable, "-m", "tests.orchestrator.call_path", str(result), "run", str(spec)]
    done = subprocess.run(
        [*command, "--retries", "0", "--jobs", str(folder / "jobs"), *flags],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.exists(), done.stdout + done.stderr
    calls: list[list[str]] = json.loads(result.read_text())
    return calls


def assert_short(calls: list[list[str]], *, calls_at_most: int, files_at_most: int) -> None:
    assert len(calls) <= calls_at_most, described(calls)
    assert len({file for file, _ in calls}) <= files_at_most, described(calls)


def names(calls: list[list[str]]) -> list[str]:
    """Return the functions, without those that they are defined in."""
    return [name.rpartition("<locals>.")[2] for _, name in calls]


def drawn(number: int) -> list[str]:
    """Return the functions in one of the drawings of the calls, from the top."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = text.split("### The calls to one chunk")[1].split("\n## ")[0]
    return re.findall(r"└─ ([\w.]+)", section.split("```")[2 * number + 1])


def described(calls: list[list[str]]) -> str:
    return "\n".join(f"{file}: {name}" for file, name in calls)


def test_a_local_chunk_is_eleven_calls_in_eight_files_away(tmp_path: Path) -> None:
    calls = call_path(tmp_path)
    assert_short(calls, calls_at_most=11, files_at_most=8)
    assert names(calls) == drawn(0)


def test_a_chunk_on_lambda_is_fifteen_calls_in_ten_files_away(tmp_path: Path) -> None:
    with s3_server() as store:
        create_bucket(store, "artifacts")
        # There is no such function: the invocation is refused.
        flags = ("--adapter", "lambda", "--function", "chunks", "--artifacts", "s3://artifacts")
        calls = call_path(tmp_path, *flags, env=store.env)
    assert_short(calls, calls_at_most=15, files_at_most=10)
    shared = drawn(0)[: drawn(0).index("ChunkRun._attempt") + 1]
    assert names(calls) == [*shared, *drawn(1)]
