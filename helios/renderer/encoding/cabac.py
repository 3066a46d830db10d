"""CABAC encoding of skipped macroblocks (sections of ITU-T H.264 in parentheses)."""

import functools

#: rangeTabLPS (table 9-48) for states 42 to 62, which follow.
_LPS_RANGES = (
    *((16, 20, 23, 27), (15, 19, 22, 25), (14, 18, 21, 24), (14, 17, 20, 23), (13, 16, 19, 22)),
    *((12, 15, 18, 21), (12, 14, 17, 20), (11, 14, 16, 19), (11, 13, 15, 18), (10, 12, 15, 17)),
    *((10, 12, 14, 16), (9, 11, 13, 15), (9, 11, 12, 14), (8, 10, 12, 14), (8, 9, 11, 13)),
    *((7, 9, 11, 12), (7, 9, 10, 12), (7, 8, 10, 11), (6, 8, 9, 11), (6, 7, 9, 10)),
    (6, 7, 8, 9),
)


@functools.cache
def skipped_macroblocks(macroblocks: int) -> str:
    """Return the bits of `macroblocks` skipped macroblocks and the end of the slice (9.3.4.2)."""
    coder = _Cabac()
    for number in range(macroblocks):
        coder.expected()
        coder.end_of_slice(number == macroblocks - 1)
    return coder.bits


class _Cabac:
    """The arithmetic encoder, limited to a context whose prediction is always right.

    At the largest quantiser the context of mb_skip_flag in P slices (11, m = 23, n = 33 by
    table 9-13) starts at state 42, expecting a 1; with nothing but skipped neighbours no other
    context is used.
    """

    def __init__(self) -> None:
        self._low, self._range, self._state = 0, 510, 42
        self._outstanding = 0
        self._first = True
        self._bits: list[str] = []

    @property
    def bits(self) -> str:
        return "".join(self._bits)

    def expected(self) -> None:
        """Encode the expected value (9.3.4.2)."""
        self._range -= _LPS_RANGES[self._state - 42][self._range >> 6 & 3]
        self._state = min(self._state + 1, 62)
        self._renormalise()

    def end_of_slice(self, ends: bool) -> None:
        """Encode whether the slice ends here (9.3.4.5)."""
        self._range -= 2
        if not ends:
            self._renormalise()
            return
        self._low += self._range
        self._range = 2
        self._renormalise()
        self._put(self._low >> 9 & 1)
        # The last bit is the one that ends the NAL unit's payload.
        self._bits.append(format(self._low >> 7 & 3 | 1, "02b"))

    def _renormalise(self) -> None:
        while self._range < 256:
            if self._low < 256:
                self._put(0)
            elif self._low >= 512:
                self._low -= 512
                self._put(1)
            else:
                self._low -= 256
                self._outstanding += 1
            self._range <<= 1
            self._low <<= 1

    def _put(self, bit: int) -> None:
        if self._first:
            self._first = False
        else:
            self._bits.append(str(bit))
        self._bits.append(str(1 - bit) * self._outstanding)
        self._outstanding = 0
