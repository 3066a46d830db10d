"""Errors and warnings of a page, collected from the output of the command that renders it."""

from collections.abc import Callable, Iterable

from helios.contract.messages.page_line import PROBLEMS
from helios.contract.messages.page_message import PageMessage
from helios.redaction import without_secrets

#: Different messages of one chunk that are kept.
MAX_MESSAGES = 20
#: Characters of a message that are kept.
MAX_LENGTH = 500


class PageProblems:
    """Collects the errors and warnings of a page from the lines of a command's output.

    A repeated message is counted, and at most `MAX_MESSAGES` different ones are kept, of
    `MAX_LENGTH` characters each. Each line is also passed to `then`: stream and text.
    """

    def __init__(self, then: Callable[[str, str], None] | None = None) -> None:
        self._then = then
        self._found: dict[tuple[str, str], PageMessage] = {}

    def __call__(self, stream: str, line: str) -> None:
        """Process a line of output."""
        if stream == "stderr":
            self.add(PageMessage.parse(line))
        if self._then is not None:
            self._then(stream, line)

    def add(self, message: PageMessage | None) -> None:
        """Keep a message of an error or a warning."""
        if message is None or message.level not in PROBLEMS:
            return
        text = without_secrets(message.text)[:MAX_LENGTH]
        known = self._found.get((message.level, text))
        if known is None and len(self._found) >= MAX_MESSAGES:
            return
        count = message.count if known is None else known.count + message.count
        update = {"text": text, "count": count}
        self._found[message.level, text] = (known or message).model_copy(update=update)

    @property
    def messages(self) -> list[PageMessage]:
        """What was found, in the order in which it came."""
        return list(self._found.values())


def problems_in(lines: Iterable[str]) -> list[PageMessage]:
    """Return the errors and warnings of a page among lines of output, each once."""
    found = PageProblems()
    for line in lines:
        found.add(PageMessage.parse(line))
    return found.messages
