"""Which frames of a video can be sought."""

import asyncio
import subprocess
from pathlib import Path

from helios.renderer.media.frame_times import read_frame_times
from helios.renderer.media.packets import Packet, has_unreachable_frames


def shown_and_decoded(*times: tuple[float, float]) -> list[Packet]:
    return [Packet(pts, dts, is_key=False) for pts, dts in times]


def test_a_frame_that_another_hides_cannot_be_sought() -> None:
    steady = [Packet(0.0, -0.2, True), *shown_and_decoded((0.3, -0.1), (0.1, 0.0), (0.2, 0.1))]
    assert not has_unreachable_frames(steady)
    # The frame at 0.1 is taken to last until 0.5, over that at 0.2.
    late = [Packet(0.0, -0.2, True), *shown_and_decoded((0.3, -0.1), (0.1, 0.0), (0.2, 0.4))]
    assert has_unreachable_frames(late)


def test_packets_with_side_data_are_listed(tmp_path: Path) -> None:
    """Transparency of VP9 is side data, which ffprobe ends with an empty row."""
    path = tmp_path / "half-clear.webm"
    source = "color=red@0.5:size=32x32:rate=10:duration=0.3,format=yuva420p"
    encoder = ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0"]
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *encoder, str(path)]
    subprocess.run(command, check=True)
    packets = asyncio.run(read_frame_times(path)).packets
    assert [packet.is_key for packet in packets] == [True, False, False]
