"""What becomes of the images' tests where no Docker engine can be had."""

import os
import subprocess
import sys
from pathlib import Path


def test_without_an_engine_the_output_says_that_containers_were_not_tested(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "sandbox.containers.images", "test"]
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/docker.sock", "PATH": str(tmp_path)}
    done = subprocess.run(
        command, env={**os.environ, **nowhere}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("images: not tested as containers, only as processes")
    assert "no engine answers" in done.stdout
