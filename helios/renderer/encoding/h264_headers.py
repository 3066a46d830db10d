"""Parses H.264's parameter sets and slice headers (sections of ITU-T H.264 in parentheses)."""

from dataclasses import dataclass

from helios.errors import EncodeFailed
from helios.renderer.encoding.nal_bits import Bits

#: Kinds of NAL units (table 7-1).
SLICE, IDR_SLICE = 1, 5
#: Bytes at the start of a slice that contain the fields read here.
HEADER_BYTES = 32
#: Profiles whose parameter sets include chroma format and bit depths (7.3.2.1.1).
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True)
class SliceHeader:
    """Fields of a slice's header: number and order of its picture, whether it is a reference."""

    is_reference: bool
    frame_num: int
    order: int


@dataclass(frozen=True)
class _Sequence:
    """Fields of a sequence parameter set (7.3.2.1).

    `order_bits` is 0 if slice headers don't contain the order of pictures.
    """

    macroblocks: int
    frame_num_bits: int
    order_bits: int

    @classmethod
    def read(cls, bits: Bits) -> "_Sequence":
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
    def read(cls, bits: Bits) -> "_Picture":
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
        sequence, picture = _Sequence.read(Bits(sps[1:])), _Picture.read(Bits(pps[1:]))
    except ValueError as fault:
        raise unexpected(str(fault)) from fault
    return ParameterSets(sequence, picture)


def unexpected(what: str) -> EncodeFailed:
    return EncodeFailed(f"the encoder's H.264 is of an unexpected kind: {what}")


def slice_header(nal: bytes, sets: ParameterSets) -> SliceHeader:
    """Parse the header (7.3.3) of a slice, `SLICE` or `IDR_SLICE`, given its NAL unit's start."""
    bits = Bits(nal[1:HEADER_BYTES])
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
