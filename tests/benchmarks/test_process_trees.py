"""Processor time is counted for all processes that a command starts."""

import subprocess
import sys

WORK = "import time\nwhile time.process_time() < 1: pass"


def measured(*sources: str) -> list[float]:
    """Return the processor seconds of Python programs, measured one after another.

    By a process of its own: the one that measures waits for all orphans among its descendants.
    """
    program = (
        "import sys\nfrom benchmarks.process_trees import measure\n"
        "for source in sys.argv[1:]: print(measure([sys.executable, '-c', source]).cpu)"
    )
    command = [sys.executable, "-c", program, *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [float(line) for line in done.stdout.split()]


def test_processes_that_outlive_their_parents_are_counted() -> None:
    # The grandchild begins its work when its parent has ended.
    orphan = f"import os, time\nwhile os.getppid() == PARENT: time.sleep(0.01)\n{WORK}"
    parent = (
        "import os, subprocess, sys\n"
        f"source = {orphan!r}.replace('PARENT', str(os.getpid()))\n"
        "null = subprocess.DEVNULL\n"
        "subprocess.Popen([sys.executable, '-c', source], stdout=null, stderr=null)\n"
    )
    alone, used = measured("pass", parent)
    assert used > alone + 0.5


def test_the_time_of_earlier_commands_is_not_counted() -> None:
    busy, idle = measured(WORK, "pass")
    assert busy > 0.9
    assert idle < busy
