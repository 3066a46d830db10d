"""Runs seeds in several processes at once, each with browsers of its own."""

import re
import subprocess
import sys
import threading
from collections.abc import Sequence

#: Line that a process prints about a seed that differs or is equal.
_SEED = re.compile(r"^ *(\d+) +[\d.]+ s  (.*)")


def run_jobs(jobs: int, seeds: Sequence[int], arguments: Sequence[str]) -> list[str]:
    """Run seeds in several processes, and print their lines as they come.

    Parameters
    ----------
    jobs:
        Number of processes; they take turns with the seeds.
    arguments:
        Those of the command line; each process gets them, with its own seeds.

    Returns
    -------
    list of str
        The seeds that differ.

    Raises
    ------
    SystemExit
        A process ended before it had run its seeds.
    """
    bad: set[int] = set()
    done: set[int] = set()

    def relay(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if found := _SEED.match(line):
                print(line, end="", flush=True)
                done.add(int(found[1]))
                if not found[2].startswith("equal"):
                    bad.add(int(found[1]))

    processes = []
    for job in range(min(jobs, len(seeds))):
        share = ",".join(map(str, seeds[job::jobs]))
        command = [sys.executable, "-m", "fuzz", *arguments, "--jobs", "1"]
        command += ["--seeds", share, "--neighbours", str(jobs - 1)]
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
    if missing := sorted(set(seeds) - done):
        raise SystemExit(f"A process ended before these seeds were run: {missing}")
    return [str(seed) for seed in sorted(bad)]
