"""Codes in the bits of NAL units (sections of ITU-T H.264 in parentheses)."""


class Bits:
    """Reads the bits of a NAL unit (7.2)."""

    def __init__(self, data: bytes) -> None:
        payload = data.replace(b"\0\0\3", b"\0\0")
        self._text = format(int.from_bytes(payload, "big"), f"0{len(payload) * 8}b")
        self._at = 0

    def number(self, bits: int) -> int:
        """Read a number of this many bits, u(n)."""
        start, self._at = self._at, self._at + bits
        if self._at > len(self._text):
            raise ValueError("a NAL unit ends too soon")
        return int(self._text[start : self._at] or "0", 2)

    def flag(self) -> bool:
        """Read a bit, u(1)."""
        return bool(self.number(1))

    def unsigned(self) -> int:
        """Read an Exp-Golomb code, ue(v) (9.1)."""
        zeros = self._text.index("1", self._at) - self._at
        self._at += zeros
        return self.number(zeros + 1) - 1

    def signed(self) -> int:
        """Read a signed Exp-Golomb code, se(v) (9.1.1)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def unsigned(value: int) -> str:
    """Return an Exp-Golomb code, ue(v) (9.1), as text of zeros and ones."""
    code = format(value + 1, "b")
    return "0" * (len(code) - 1) + code


def signed(value: int) -> str:
    """Return a signed Exp-Golomb code, se(v) (9.1.1), as text of zeros and ones."""
    return unsigned(2 * value - 1 if value > 0 else -2 * value)


def escaped(payload: bytes) -> bytes:
    """Insert emulation prevention bytes (7.4.1)."""
    found, zeros = bytearray(), 0
    for byte in payload:
        if zeros == 2 and byte <= 3:
            found.append(3)
            zeros = 0
        found.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(found)
