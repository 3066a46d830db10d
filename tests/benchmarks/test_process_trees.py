"""Processor time is counted for all processes that a command starts."""

import sys

from benchmarks.process_trees import measure

WORK = "import time\nwhile time.process_time() < 0.3: pass"


def test_processes_that_outlive_their_parents_are_counted() -> None:
    # The grandchild begins its work when its parent has ended.
    orphan = f"import os, time\nwhile os.getppid() == PARENT: time.sleep(0.01)\n{WORK}"
    parent = (
        "import os, subprocess, sys\n"
        f"source = {orphan!r}.replace('PARENT', str(os.getpid()))\n"
        "null = subprocess.DEVNULL\n"
        "subprocess.Popen([sys.executable, '-c', source], stdout=null, stderr=null)\n"
    )
    alone = measure([sys.executable, "-c", "pass"])
    used = measure([sys.executable, "-c", parent])
    assert used.cpu > alone.cpu + 0.25


def test_the_time_of_earlier_commands_is_not_counted() -> None:
    busy = measure([sys.executable, "-c", WORK])
    idle = measure([sys.executable, "-c", "pass"])
    assert busy.cpu > 0.25
    assert idle.cpu < busy.cpu
