"""Writes H.264 pictures that repeat the one before (sections of ITU-T H.264 in parentheses).

A P slice in which every macroblock is skipped shows its reference picture unchanged, in about forty
bytes. It is written from the parameter sets and the neighbouring slice headers, without an encoder.
"""

from helios.renderer.encoding.cabac import skipped_macroblocks
from helios.renderer.encoding.h264_headers import SLICE, ParameterSets, SliceHeader, unexpected
from helios.renderer.encoding.nal_bits import escaped, signed, unsigned

#: Largest quantiser, at which the initial contexts expect skipped macroblocks most.
_MAX_QP = 51


def repeats(
    last: SliceHeader, *, newest_frame_num: int, count: int, sets: ParameterSets
) -> list[bytes]:
    """Return NAL units of `count` pictures that repeat `last`, the last one shown before.

    They follow all pictures of their coded video sequence, and each is the reference of the next.
    `newest_frame_num` is the number of the last decoded reference picture.
    """
    if not last.is_reference:
        raise unexpected("the picture shown last is no reference")
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
    parts = [unsigned(0), unsigned(5), unsigned(0)]  # first macroblock, all P, parameter set
    parts.append(format(frame_num, f"0{sets.sequence.frame_num_bits}b"))
    if sets.sequence.order_bits:
        parts.append(format(order, f"0{sets.sequence.order_bits}b"))
    parts += ["1", unsigned(0)]  # one reference
    # By default the list begins with the last decoded reference.
    parts += ["0"] if back == 1 else ["1", unsigned(0), unsigned(back - 1), unsigned(3)]
    if sets.picture.weighted:
        parts += [unsigned(0), unsigned(0), "00"]  # no weights
    parts.append("0")  # sliding window of references
    if sets.picture.cabac:
        parts.append(unsigned(0))
    parts.append(signed(_MAX_QP - sets.picture.qp))
    if sets.picture.deblocking_control:
        parts.append(unsigned(1))
    return "".join(parts)


def _nal_unit(header: str, sets: ParameterSets) -> bytes:
    if sets.picture.cabac:
        # Data begin at a byte boundary, after alignment ones (7.3.4).
        text = header + "1" * (-len(header) % 8) + skipped_macroblocks(sets.sequence.macroblocks)
    else:
        text = header + unsigned(sets.sequence.macroblocks) + "1"
    text += "0" * (-len(text) % 8)
    payload = int(text, 2).to_bytes(len(text) // 8, "big")
    return bytes([0x20 | SLICE]) + escaped(payload)
