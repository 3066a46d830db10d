"""Cores are kept busy by processes only where nothing else does so."""

import contextlib
import os
import sys
import time

import psutil
import pytest

from fuzz.load import BusyCores

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads the states of processes"),
    pytest.mark.timeout(60),
]


def wait_until(computing: int, *, others: set[int]) -> None:
    """Wait until so many children of this process, but those of `others`, aren't stopped."""
    while computing != sum(
        child.status() != psutil.STATUS_STOPPED
        for child in psutil.Process().children()
        if child.pid not in others
    ):
        time.sleep(0.02)


@pytest.mark.parametrize(("load", "expected"), [(0.0, 4), (1.2, 4), (3.0, 2), (40.0, 0)])
def test_as_many_processes_compute_as_cores_are_idle(
    monkeypatch: pytest.MonkeyPatch, load: float, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    cores = BusyCores()
    # Servers of other tests, say.
    others = {child.pid for child in psutil.Process().children()}
    with contextlib.ExitStack() as stack:
        stack.callback(cores.end)
        cores.start()
        wait_until(0, others=others)
        with cores.busy():
            wait_until(expected, others=others)
        wait_until(0, others=others)
