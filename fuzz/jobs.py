"""Renders pages and seeds in several processes at once, each with browsers of its own."""

import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

#: Line that a process prints about a page or a seed that differs or is equal.
_LINE = re.compile(r"^ *(.+?) +[\d.]+ s  (.*)")


def run_jobs(
    jobs: int, pages: Sequence[Path], seeds: Sequence[int], arguments: Sequence[str]
) -> list[str]:
    """Run pages and seeds in several processes, and print their lines as they come.

    Parameters
    ----------
    jobs:
        Number of processes; they take turns.
    arguments:
        Those of the command line; each process gets them, with its own pages and seeds.

    Returns
    -------
    list of str
        The pages and seeds that differ.

    Raises
    ------
    SystemExit
        A process ended before it had run its share.
    """
    names = [*map(str, pages), *map(str, seeds)]
    bad: set[str] = set()
    done: set[str] = set()

    def relay(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if found := _LINE.match(line):
                print(line, end="", flush=True)
                done.add(found[1])
                if not found[2].startswith("equal"):
                    bad.add(found[1])

    processes = []
    for job in range(min(jobs, len(names))):
        own = [*pages, *seeds][job::jobs]
        command = [sys.executable, "-m", "fuzz", *arguments, "--jobs", "1"]
        command += ["--neighbours", str(jobs - 1)]
        command += ["--seeds", ",".join(str(each) for each in own if isinstance(each, int))]
        command += ["--pages", *(str(each) for each in own if isinstance(each, Path))]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    threads = [threading.Thread(target=relay, args=(process,)) for process in processes]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    if missing := [name for name in names if name not in done]:
        raise SystemExit(f"A process ended before it had run these: {', '.join(missing)}")
    return [name for name in names if name in bad]
