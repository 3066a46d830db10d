"""Renders pages and seeds in several processes, each with its own browsers."""

import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

#: Line about the result of a page or a seed.
_LINE = re.compile(r"^ *(.+?) +[\d.]+ s  (.*)")


def run_jobs(
    jobs: int,
    pages: Sequence[Path],
    seeds: Sequence[int],
    arguments: Sequence[str],
    log: Path | None = None,
) -> list[str]:
    """Run pages and seeds in several processes, and print their lines as they come.

    Args:
        jobs: Number of processes.
        arguments: Those of the command line; each process gets them, with its own pages and seeds.
        log: File for the lines; pages and seeds with a line in it are skipped.

    Returns:
        The pages and seeds that differ, those in the log included.

    Raises:
        SystemExit: A process ended before it had run its share.
    """
    names = [*map(str, pages), *map(str, seeds)]
    results = _Results(log)
    left = [each for each in [*pages, *seeds] if str(each) not in results.done]
    processes = []
    for job in range(min(jobs, len(left))):
        own = left[job::jobs]
        command = [sys.executable, "-m", "fuzz", *arguments, "--jobs", "1"]
        command += ["--neighbours", str(jobs - 1)]
        command += ["--seeds", ",".join(str(each) for each in own if isinstance(each, int))]
        command += ["--pages", *(str(each) for each in own if isinstance(each, Path))]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    threads = [threading.Thread(target=results.relay, args=(process,)) for process in processes]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    if missing := [name for name in names if name not in results.done]:
        raise SystemExit(f"A process ended before it had run these: {', '.join(missing)}")
    return [name for name in names if name in results.bad]


class _Results:
    """The pages and seeds that have been run, and those that differ."""

    def __init__(self, log: Path | None) -> None:
        self.done: set[str] = set()
        self.bad: set[str] = set()
        self._log = log
        if log is not None and log.exists():
            for line in log.read_text().splitlines():
                self._note(line)

    def relay(self, process: subprocess.Popen[str]) -> None:
        """Print the results of a process, and append them to the log."""
        assert process.stdout is not None
        for line in process.stdout:
            if self._note(line):
                print(line, end="", flush=True)
                if self._log is not None:
                    with self._log.open("a") as file:
                        file.write(line)

    def _note(self, line: str) -> bool:
        found = _LINE.match(line)
        if found:
            self.done.add(found[1])
            if not found[2].startswith("equal"):
                self.bad.add(found[1])
        return found is not None
