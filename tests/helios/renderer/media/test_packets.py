"""Which frames of a video can be sought."""

from helios.renderer.media.packets import Packet, has_unreachable_frames


def shown_and_decoded(*times: tuple[float, float]) -> list[Packet]:
    return [Packet(pts, dts, is_key=False) for pts, dts in times]


def test_a_frame_that_another_hides_cannot_be_sought() -> None:
    steady = [Packet(0.0, -0.2, True), *shown_and_decoded((0.3, -0.1), (0.1, 0.0), (0.2, 0.1))]
    assert not has_unreachable_frames(steady)
    # The frame at 0.1 is taken to last until 0.5, over that at 0.2.
    late = [Packet(0.0, -0.2, True), *shown_and_decoded((0.3, -0.1), (0.1, 0.0), (0.2, 0.4))]
    assert has_unreachable_frames(late)
