"""What a page writes to its console and throws."""

import json
from collections.abc import Callable

from helios.renderer.browser.devtools import Params
from helios.renderer.page.reports.exceptions import exception_text
from helios.renderer.page.session import PageSession

PageLog = Callable[[int | None, str, str], None]
"""Called with frame (None while loading), level and text of what the page logged or threw."""


class PageMessages:
    """Passes a page's messages to a log, and keeps the errors of its loading."""

    def __init__(self, session: PageSession, log: PageLog | None) -> None:
        self._session = session
        self._log = log
        #: What the page threw while it loaded.
        self.errors: list[str] = []

    def listen(self) -> None:
        """Follow the console and uncaught exceptions."""
        self._session.on("Runtime.exceptionThrown", self._on_exception)
        self._session.on("Runtime.consoleAPICalled", self._on_console)

    def write(self, level: str, text: str) -> None:
        """Write a line to the log."""
        if self._log is not None:
            frame = None if self._session.is_loading else self._session.frame
            self._log(frame, level, text)

    def _on_exception(self, event: Params) -> None:
        text = exception_text(event["exceptionDetails"])
        if self._session.is_loading:
            self.errors.append(text)
        self.write("error", text)

    def _on_console(self, event: Params) -> None:
        self.write(event["type"], " ".join(map(_value_text, event["args"])))


def _value_text(argument: Params) -> str:
    value = argument.get("value", argument.get("description", argument.get("type", "")))
    return value if isinstance(value, str) else json.dumps(value)
