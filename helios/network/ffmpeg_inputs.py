"""What ffmpeg may open for an input: an input's content may name further files and addresses.

A playlist may have the name of a video, and names any file that the worker's user can read, such as
those of other jobs. ffmpeg recognises formats by content, so that formats are listed, not names.
"""

from collections.abc import Iterable

#: Protocols of inputs on this machine.
LOCAL_PROTOCOLS = "file,pipe"
#: Protocols of inputs on the web, whose playlists then can't name local files.
WEB_PROTOCOLS = "http,https,httpproxy,tcp,tls"

# Formats that consist of one file. Playlists (hls, dash, imf, concat) and devices are missing.
_CONTAINERS = (
    "asf avi caf dv flv gxf ivf matroska mov mp3 mpeg mpegts mxf nut ogg rm swf webm wtv "
    "yuv4mpegpipe"
)
_STREAMS = (
    "aac ac3 aiff amr amrnb amrwb ape apng ass au av1 dirac dnxhd dsf dts dtshd eac3 evc flac gif "
    "h261 h263 h264 hevc loas m4v mjpeg mlp mpc mpc8 mpegvideo obu srt tak truehd tta vc1 voc vvc "
    "w64 wav webvtt wv"
)
_PICTURES = (
    "bmp dds dpx exr gif hdr j2k jpeg jpegls jpegxl pam pbm pcx pfm pgm pgmyuv png ppm psd qoi "
    "sgi sunrast svg tiff webp xbm xpm"
)
FORMATS = (
    *_CONTAINERS.split(),
    *_STREAMS.split(),
    *("image2", "image2pipe", "jpegxl_anim"),
    *(f"{name}_pipe" for name in _PICTURES.split()),
)


def local_input(formats: Iterable[str] = ()) -> list[str]:
    """Return ffmpeg's options for an input on this machine.

    Args:
        formats: Further formats, which the caller names by `-f`.
    """
    allowed = ",".join(dict.fromkeys((*FORMATS, *formats)))
    return ["-protocol_whitelist", LOCAL_PROTOCOLS, "-format_whitelist", allowed]


def web_input() -> list[str]:
    """Return ffmpeg's options for an http(s) URL."""
    return ["-protocol_whitelist", WEB_PROTOCOLS]
