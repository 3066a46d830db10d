"""The page on storage says what is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from helios.assets import ArchiveLimits
from helios.assets.ignore import ALWAYS, IGNORE_FILE
from helios.storage.gcs.bucket import RETRY_SECONDS
from helios.storage.keys import MAX_NAME_BYTES, MAX_STEP_BYTES
from helios.storage.parts import PARALLEL, PART
from helios.storage.s3.access import RETRIES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/storage.md").read_text("utf-8")


def test_it_shows_a_program_that_runs(tmp_path: Path) -> None:
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert program
    (tmp_path / "film.mp4").write_bytes(b"film")

    run = subprocess.run(
        [sys.executable, "-c", program[1]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    url, _, size = run.stdout.splitlines()[0].split()
    assert (url, size) == ((tmp_path / "artifacts/output/film.mp4").as_uri(), "4")
    assert run.stdout.splitlines()[1:] == ["['output/film.mp4']", "True False"]
    assert (tmp_path / "copy.mp4").read_bytes() == b"film"


def test_it_says_what_stays_out_and_what_the_limits_are() -> None:
    limits = ArchiveLimits()

    for pattern in set(ALWAYS) - {f"/{IGNORE_FILE}"}:
        assert f"`{pattern}`" in PAGE
    text = " ".join(PAGE.split())
    assert f"{limits.entries:,} of them and {limits.unpacked_bytes // 1024**3} GiB" in text
    assert f"at most {limits.ratio} bytes for each packed byte" in text
    assert f"beyond {limits.free_bytes // 1024**2} MiB" in text
    assert f"over {PART // 1024**2} MiB" in text and f"{PARALLEL} parts are in transit" in text
    assert f"at most {MAX_STEP_BYTES} bytes between" in text
    assert f"{MAX_NAME_BYTES:,} in all" in text
    assert f"in S3 {RETRIES} times" in text and f"for {RETRY_SECONDS:.0f} s" in text
