"""An event loop in which waiting takes no time: nothing in it depends on how busy a machine is."""

import asyncio
import selectors


class _QuickSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or not timeout:
            assert ready or timeout is not None, "everything waits for something that never comes"
            return ready
        self.waited += timeout
        return ready


class QuickLoop(asyncio.SelectorEventLoop):
    """Lets time pass at once whenever all tasks wait; no threads may be used in it."""

    def __init__(self) -> None:
        self._quick = _QuickSelector()
        super().__init__(self._quick)

    def time(self) -> float:
        return self._quick.waited
