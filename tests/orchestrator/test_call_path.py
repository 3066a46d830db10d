"""The way from the command line to a chunk is short, and as docs/architecture.md draws it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.object_stores import create_bucket, s3_server
from tests.helios.worker_site import make_spec

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


def below_the_command_line(calls: list[list[str]]) -> list[list[str]]:
    return [call for call in calls if not call[0].startswith("orchestrator/cli/")]


def described(calls: list[list[str]]) -> str:
    return "\n".join(f"{file}: {name}" for file, name in calls)


def files(calls: list[list[str]]) -> set[str]:
    return {file for file, _ in calls}


def test_a_local_chunk_is_a_few_calls_away(tmp_path: Path) -> None:
    calls = call_path(tmp_path)
    print(described(calls))
    below = below_the_command_line(calls)
    assert len(below) <= 9, described(below)
    assert len(files(below)) <= 8, described(below)


def test_a_chunk_on_lambda_is_a_few_calls_away(tmp_path: Path) -> None:
    with s3_server() as store:
        create_bucket(store, "artifacts")
        # There is no such function: the invocation is refused.
        flags = ("--adapter", "lambda", "--function", "chunks", "--artifacts", "s3://artifacts")
        calls = call_path(tmp_path, *flags, env=store.env)
    print(described(calls))
    below = below_the_command_line(calls)
    assert len(below) <= 13, described(below)
    assert len(files(below)) <= 11, described(below)
