"""Helpers for tests that render on both clouds' stand-ins."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox.clouds import AwsSide, GoogleSide

#: Variables of workers whose jobs draw chunks without a browser.
DRAWS = {"HELIOS_EXECUTABLES": "helios,ffmpeg,ffprobe,sh,sleep"}


@dataclass(frozen=True)
class Clouds:
    """Both stand-ins, and the variables by which commands find them."""

    aws: AwsSide
    google: GoogleSide

    @property
    def env(self) -> dict[str, str]:
        return {**self.aws.variables, **self.google.variables}

    def rendered(self) -> dict[str, int]:
        """Return how many chunks each cloud's worker has rendered by now."""
        logs = {"lambda": self.aws.log(), "cloudrun": self.google.service.log()}
        return {name: _count(log, "chunk.stored") for name, log in logs.items()}

    def merged(self) -> dict[str, int]:
        """Return how many videos each cloud's worker has joined by now."""
        logs = {"lambda": self.aws.log(), "cloudrun": self.google.service.log()}
        return {name: _count(log, "merge.stored") for name, log in logs.items()}


def _count(log: str, event: str) -> int:
    lines = [line for line in log.splitlines() if line.startswith("{")]
    return sum(json.loads(line).get("event") == event for line in lines)


def frame_hashes(video: Path | str) -> list[str]:
    """Return a digest for each decoded frame of a video's picture."""
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-map", "0:v", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


def sound_hash(video: Path | str) -> str:
    """Return a digest of a video's decoded sound."""
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-map", "0:a", "-f", "md5", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
