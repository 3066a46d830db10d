"""Keeps the end of a command's output in bounded memory."""

#: Bytes of UTF-8 of stdout, and of stderr, in a result: the last ones, as errors come last. A
#: response, which may repeat stdout, stays far below Lambda's limit of 6 MB.
MAX_OUTPUT_BYTES = 64 * 1024
#: The same for answers to a workflow, whose states hold at most 256 KiB of JSON; a byte of output
#: may take seven bytes there.
MAX_WORKFLOW_OUTPUT_BYTES = 2 * 1024
# Room for the note on how much was left out.
_NOTE_BYTES = 64


class OutputTail:
    """Keeps the end of an output of any length in bounded memory."""

    __slots__ = ("_dropped", "_kept")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def append(self, data: bytes) -> None:
        """Add the next bytes of the output."""
        self._kept += data
        # Cutting at twice the size keeps the cost of moving bytes constant per byte.
        if len(self._kept) > 2 * MAX_OUTPUT_BYTES:
            excess = len(self._kept) - MAX_OUTPUT_BYTES
            del self._kept[:excess]
            self._dropped += excess

    def text(self) -> str:
        """Return the end of the output; bytes that aren't UTF-8 become U+FFFD."""
        if not self._kept:
            return ""
        return cut_output(self._kept.decode(errors="replace"), dropped=self._dropped)


def cut_output(text: str, *, dropped: int = 0, limit: int = MAX_OUTPUT_BYTES) -> str:
    """Return the end of an output, with a note if it was cut, in at most `limit` bytes.

    `dropped` bytes were already left out before the text begins.
    """
    # A character takes at most 4 bytes; most outputs needn't be encoded to be measured.
    if not dropped and len(text) * 4 <= limit:
        return text
    encoded = text.encode(errors="replace")
    if not dropped and len(encoded) <= limit:
        return text
    kept = encoded[-(limit - _NOTE_BYTES) :]
    dropped += len(encoded) - len(kept)
    # A character that was cut in two is dropped.
    return f"[... {dropped} bytes left out ...]\n{kept.decode(errors='ignore')}"
