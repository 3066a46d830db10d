"""Pictures of an H.264 video that repeat the one before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.errors import EncodeFailed
from helios.renderer.encoding.h264_headers import SliceHeader, parameter_sets, slice_header
from helios.renderer.encoding.h264_repeats import repeats
from helios.renderer.encoding.nal_bits import Bits, escaped, signed, unsigned


def unit(kind: int, *codes: str) -> bytes:
    """Make a NAL unit from bits."""
    text = "".join(codes) + "1"
    text += "0" * (-len(text) % 8)
    return bytes([kind]) + int(text, 2).to_bytes(len(text) // 8, "big")


def sequence(*, progressive: str = "1") -> bytes:
    """Baseline, no order in headers, 20 x 12 macroblocks."""
    size = (unsigned(19), unsigned(11))
    head = (format(66, "08b"), "0" * 16, unsigned(0), unsigned(0), unsigned(2))
    return unit(0x67, *head, unsigned(1), "0", *size, progressive)


#: By arithmetic coding, no weights, a quantiser of 26, control of deblocking.
PPS = unit(0x68, "1", "1", "1", "0", "1", "1", "1", "0", "00", "1", "1", "1", "1", "0", "0")
SETS = parameter_sets(sequence(), PPS)
KEPT = SliceHeader(is_reference=True, frame_num=3, order=0)


def test_the_size_of_a_picture_is_read_from_its_parameter_sets() -> None:
    assert SETS.sequence.macroblocks == 20 * 12
    assert SETS.sequence.order_bits == 0
    assert SETS.picture.cabac
    assert not SETS.picture.weighted


def test_what_our_encoder_does_not_write_is_refused() -> None:
    with pytest.raises(EncodeFailed, match="interlaced"):
        parameter_sets(sequence(progressive="0"), PPS)
    with pytest.raises(EncodeFailed, match="too soon"):
        parameter_sets(sequence()[:5], PPS)


def test_a_picture_that_is_no_reference_is_not_repeated() -> None:
    unkept = SliceHeader(is_reference=False, frame_num=3, order=0)
    with pytest.raises(EncodeFailed, match="no reference"):
        repeats(unkept, newest_frame_num=3, count=1, sets=SETS)


def test_each_repeat_has_the_number_that_follows() -> None:
    units = repeats(KEPT, newest_frame_num=14, count=4, sets=SETS)
    numbers = [slice_header(one, SETS).frame_num for one in units]
    assert numbers == [15, 0, 1, 2]
    assert all(slice_header(one, SETS).is_reference for one in units)


def test_a_repeat_takes_few_bytes() -> None:
    (found,) = repeats(KEPT, newest_frame_num=3, count=1, sets=SETS)
    assert len(found) < 12


@given(st.binary(max_size=40) | st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=40).map(bytes))
def test_an_escaped_payload_never_looks_like_the_start_of_a_unit(payload: bytes) -> None:
    written = escaped(payload)
    assert not any(bytes([0, 0, code]) in written for code in range(3))
    assert Bits(written + b"\x80").number(8 * len(payload)) == int.from_bytes(payload, "big")


@given(st.lists(st.integers(-5000, 5000)))
def test_codes_of_numbers_are_read_as_they_were_written(numbers: list[int]) -> None:
    text = "".join(signed(number) for number in numbers) + "1"
    text += "0" * (-len(text) % 8)
    bits = Bits(escaped(int(text, 2).to_bytes(len(text) // 8, "big")))
    assert [bits.signed() for _ in numbers] == numbers
