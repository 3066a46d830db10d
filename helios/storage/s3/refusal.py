"""Parses the failures of requests to S3."""

import re
from dataclasses import dataclass

#: Code of a failed conditional write: another client writes the same object, and may yet fail.
UNDECIDED = "ConditionalRequestConflict"
#: Code for a feature that a store lacks, such as tags.
NOT_IMPLEMENTED = "NotImplemented"
#: Codes for rejected credentials that come with status 400.
REJECTED_CREDENTIALS = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Status, code and reason of a request that failed."""

    reason: str
    status: int | None = None
    code: str = ""

    @classmethod
    def of(cls, fault: Exception) -> "Refusal":
        """Parse the text of an exception of obstore."""
        text = str(fault)
        status = re.search(r"status code: (\d{3})", text)
        code = re.search(r"<Code>(.*?)</Code>", text)
        message = re.search(r"<Message>(.*?)</Message>", text, re.DOTALL)
        # The first line has the reason, the others the library's context.
        reason = message[1] if message else text.partition("\n")[0]
        return cls(reason[:500], int(status[1]) if status else None, code[1] if code else "")

    @property
    def is_final(self) -> bool:
        """Whether another try is pointless."""
        status = self.status or 500
        return 400 <= status < 500 and status not in (408, 429)

    def __str__(self) -> str:
        return " ".join(str(word) for word in (self.status, self.code, self.reason) if word)
