"""Writes H.264 pictures that repeat the one before (sections of ITU-T H.264 in parentheses).

A P slice in which every macroblock is skipped shows its reference picture unchanged, in about forty
bytes. It is written from the parameter sets and the neighbouring slice headers, without an encoder.
"""

import functools
from dataclasses import dataclass

from helios.errors import EncodeFailed

#: Kinds of NAL units (table 7-1).
SLICE, IDR_SLICE = 1, 5
#: Bytes at the start of a slice that contain the fields read here.
HEADER_BYTES = 32
#: Profiles whose parameter sets include chroma format and bit depths (7.3.2.1.1).
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
#: Largest quantiser, at which the initial contexts expect skipped macroblocks most.
_MAX_QP = 51
#: rangeTabLPS (table 9-48) for states 42 to 62, which follow.
_LPS_RANGES = (
    *((16, 20, 23, 27), (15, 19, 22, 25), (14, 18, 21, 24), (14, 17, 20, 23), (13, 16, 19, 22)),
    *((12, 15, 18, 21), (12, 14, 17, 20), (11, 14, 16, 19), (11, 13, 15, 18), (10, 12, 15, 17)),
    *((10, 12, 14, 16), (9, 11, 13, 15), (9, 11, 12, 14), (8, 10, 12, 14), (8, 9, 11, 13)),
    *((7, 9, 11, 12), (7, 9, 10, 12), (7, 8, 10, 11), (6, 8, 9, 11), (6, 7, 9, 10)),
    (6, 7, 8, 9),
)


@dataclass(frozen=True)
class SliceHeader:
    """Fields of a slice's header: number and order of its picture, whether it is a reference."""

    is_reference: bool
    frame_num: int
    order: int


class _Bits:
    """Reads the bits of a NAL unit (7.2)."""

    def __init__(self, data: bytes) -> None:
        payload = data.replace(b"\0\0\3", b"\0\0")
        self._text = format(int.from_bytes(payload, "big"), f"0{len(payload) * 8}b")
        self._at = 0

    def number(self, bits: int) -> int:
        start, self._at = self._at, self._at + bits
        if self._at > len(self._text):
            raise ValueError("a NAL unit ends too soon")
        return int(self._text[start : self._at] or "0", 2)

    def flag(self) -> bool:
        return bool(self.number(1))

    def unsigned(self) -> int:
        """Read an Exp-Golomb code, ue(v) (9.1)."""
        zeros = self._text.index("1", self._at) - self._at
        self._at += zeros
        return self.number(zeros + 1) - 1

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


@dataclass(frozen=True)
class _Sequence:
    """Fields of a sequence parameter set (7.3.2.1).

    `order_bits` is 0 if slice headers don't contain the order of pictures.
    """

    macroblocks: int
    frame_num_bits: int
    order_bits: int

    @classmethod
    def read(cls, bits: _Bits) -> "_Sequence":
        profile = bits.number(8)
        bits.number(16)  # constraints, level
        bits.unsigned()  # its id
        if profile in _HIGH_PROFILES:
            if bits.unsigned() == 3 and bits.flag():
                raise ValueError("separate colour planes")
            bits.unsigned()
            bits.unsigned()  # bit depths
            bits.flag()  # lossless where the quantiser is 0
            if bits.flag():
                raise ValueError("scaling lists")
        frame_num_bits = bits.unsigned() + 4
        order_type = bits.unsigned()
        if order_type == 1:
            raise ValueError("picture order of type 1")
        order_bits = bits.unsigned() + 4 if order_type == 0 else 0
        bits.unsigned()  # reference frames
        bits.flag()
        macroblocks = (bits.unsigned() + 1) * (bits.unsigned() + 1)
        if not bits.flag():
            raise ValueError("interlaced")
        return cls(macroblocks, frame_num_bits, order_bits)


@dataclass(frozen=True)
class _Picture:
    """Fields of a picture parameter set (7.3.2.2); `qp` is the base of quantisers in headers."""

    cabac: bool
    weighted: bool
    deblocking_control: bool
    qp: int

    @classmethod
    def read(cls, bits: _Bits) -> "_Picture":
        bits.unsigned()
        bits.unsigned()  # its id and the sequence's
        cabac = bits.flag()
        if bits.flag() or bits.unsigned():
            raise ValueError("fields or slice groups")
        bits.unsigned()
        bits.unsigned()  # reference pictures
        weighted = bits.flag()
        bits.number(2)
        qp = 26 + bits.signed()
        bits.signed()
        bits.signed()  # other quantisers
        deblocking_control = bits.flag()
        bits.flag()
        if bits.flag():
            raise ValueError("redundant pictures")
        return cls(cabac, weighted, deblocking_control, qp)


@dataclass(frozen=True)
class ParameterSets:
    """Fields of the parameter sets on which slice headers depend."""

    sequence: _Sequence
    picture: _Picture


def parameter_sets(sps: bytes, pps: bytes) -> ParameterSets:
    """Parse the parameter sets of two NAL units (7.3.2.1, 7.3.2.2).

    Raises `EncodeFailed` if they have features that our encoder doesn't use.
    """
    try:
        sequence, picture = _Sequence.read(_Bits(sps[1:])), _Picture.read(_Bits(pps[1:]))
    except ValueError as fault:
        raise _unexpected(str(fault)) from fault
    return ParameterSets(sequence, picture)


def _unexpected(what: str) -> EncodeFailed:
    return EncodeFailed(f"the encoder's H.264 is of an unexpected kind: {what}")


def slice_header(nal: bytes, sets: ParameterSets) -> SliceHeader:
    """Parse the header (7.3.3) of a slice, `SLICE` or `IDR_SLICE`, given its NAL unit's start."""
    bits = _Bits(nal[1:HEADER_BYTES])
    bits.unsigned()
    bits.unsigned()
    bits.unsigned()  # first macroblock, kind, parameter set
    frame_num = bits.number(sets.sequence.frame_num_bits)
    if nal[0] & 31 == IDR_SLICE:
        bits.unsigned()
    return SliceHeader(
        is_reference=bool(nal[0] & 0x60),
        frame_num=frame_num,
        order=bits.number(sets.sequence.order_bits),
    )


def repeats(
    last: SliceHeader, *, newest_frame_num: int, count: int, sets: ParameterSets
) -> list[bytes]:
    """Return NAL units of pictures that repeat a picture.

    They follow all pictures of their coded video sequence, and each is the reference of the next.

    Parameters
    ----------
    last:
        The picture to repeat, the last one shown before.
    newest_frame_num:
        Number of the last decoded reference picture.
    count:
        Number of pictures.
    sets:
        The active parameter sets.
    """
    if not last.is_reference:
        raise _unexpected("the picture shown last is no reference")
    numbers, orders = 1 << sets.sequence.frame_num_bits, 1 << sets.sequence.order_bits
    found = []
    for number in range(1, count + 1):
        frame_num = (newest_frame_num + number) % numbers
        shown = last.frame_num if number == 1 else frame_num - 1
        header = _skipping_header(
            frame_num=frame_num,
            order=(last.order + 2 * number) % orders,
            back=(frame_num - shown) % numbers,
            sets=sets,
        )
        found.append(_nal_unit(header, sets))
    return found


def _skipping_header(*, frame_num: int, order: int, back: int, sets: ParameterSets) -> str:
    """Return the bits of a P slice's header (7.3.3) whose reference is `back` pictures before."""
    parts = [_unsigned(0), _unsigned(5), _unsigned(0)]  # first macroblock, all P, parameter set
    parts.append(format(frame_num, f"0{sets.sequence.frame_num_bits}b"))
    if sets.sequence.order_bits:
        parts.append(format(order, f"0{sets.sequence.order_bits}b"))
    parts += ["1", _unsigned(0)]  # one reference
    # By default the list begins with the last decoded reference.
    parts += ["0"] if back == 1 else ["1", _unsigned(0), _unsigned(back - 1), _unsigned(3)]
    if sets.picture.weighted:
        parts += [_unsigned(0), _unsigned(0), "00"]  # no weights
    parts.append("0")  # sliding window of references
    if sets.picture.cabac:
        parts.append(_unsigned(0))
    parts.append(_signed(_MAX_QP - sets.picture.qp))
    if sets.picture.deblocking_control:
        parts.append(_unsigned(1))
    return "".join(parts)


def _nal_unit(header: str, sets: ParameterSets) -> bytes:
    if sets.picture.cabac:
        # Data begin at a byte boundary, after alignment ones (7.3.4).
        text = header + "1" * (-len(header) % 8) + _skipped_by_cabac(sets.sequence.macroblocks)
    else:
        text = header + _unsigned(sets.sequence.macroblocks) + "1"
    text += "0" * (-len(text) % 8)
    payload = int(text, 2).to_bytes(len(text) // 8, "big")
    return bytes([0x20 | SLICE]) + _escaped(payload)


def _unsigned(value: int) -> str:
    code = format(value + 1, "b")
    return "0" * (len(code) - 1) + code


def _signed(value: int) -> str:
    return _unsigned(2 * value - 1 if value > 0 else -2 * value)


def _escaped(payload: bytes) -> bytes:
    """Insert emulation prevention bytes (7.4.1)."""
    found, zeros = bytearray(), 0
    for byte in payload:
        if zeros == 2 and byte <= 3:
            found.append(3)
            zeros = 0
        found.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(found)


@functools.cache
def _skipped_by_cabac(macroblocks: int) -> str:
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
