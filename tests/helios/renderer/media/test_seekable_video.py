"""Which videos are copied so that seeking is fast."""

import pytest

from helios.renderer.media.packets import Packet
from helios.renderer.media.seekable_video import is_slow_to_seek, mean_distance

HD = {"pix_fmt": "yuv420p", "width": 1920, "height": 1080}


def packets(frames: int, interval: int) -> list[Packet]:
    return [Packet(n / 30, n / 30, n % interval == 0) for n in range(frames)]


@pytest.mark.parametrize(
    ("frames", "interval", "distance"),
    [(0, 1, 0), (1, 1, 0), (150, 250, 74.5), (8, 2, 0.5), (9, 4, 12 / 9)],
)
def test_the_distance_to_a_keyframe_is_that_of_frames_on_average(
    frames: int, interval: int, distance: float
) -> None:
    assert mean_distance(packet.is_key for packet in packets(frames, interval)) == distance


def test_a_stream_may_begin_between_keyframes() -> None:
    assert mean_distance([False, False, True]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("frames", "interval", "is_slow"),
    [
        (150, 250, True),
        (450, 60, True),
        (450, 24, False),  # the keyframes are close
        (20, 250, False),  # so is the end
        (1900, 250, True),
        (2000, 250, False),  # too many pixels
    ],
)
def test_videos_of_moderate_length_with_distant_keyframes_are_copied(
    frames: int, interval: int, is_slow: bool
) -> None:
    assert is_slow_to_seek(HD, packets(frames, interval)) == is_slow


def test_a_long_video_is_copied_only_if_its_keyframes_are_very_far_apart() -> None:
    small = {**HD, "width": 320, "height": 180}
    assert is_slow_to_seek(small, packets(4500, 250))
    assert not is_slow_to_seek(small, packets(4500, 120))


@pytest.mark.parametrize(
    "stream",
    [
        {"pix_fmt": "yuv420p10le"},
        {"field_order": "tt"},
        {"side_data_list": [{"rotation": 90}]},
        {"tags": {"alpha_mode": "1"}},
        {"width": 1919},
    ],
    ids=lambda stream: next(iter(stream)),
)
def test_only_what_a_copy_keeps_as_it_is_is_copied(stream: dict[str, object]) -> None:
    assert not is_slow_to_seek({**HD, **stream}, packets(150, 250))
