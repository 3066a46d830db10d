"""Joining chunk outputs without re-encoding."""

from helios.stitcher.base import VideoStitcher
from helios.stitcher.ffmpeg import FfmpegStitcher

__all__ = ["FfmpegStitcher", "VideoStitcher"]
