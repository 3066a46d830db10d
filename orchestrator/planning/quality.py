"""Levels of quality, which stand for a rate factor, an encoder's speed and a capture quality."""

from dataclasses import replace
from pathlib import Path

from helios.renderer.encoding.codecs import choose_codec
from orchestrator.planning.output_kinds import encoded_name
from orchestrator.planning.render_options import RenderOptions

#: Constant rate factors by codec; `standard` is each codec's own default (docs/benchmarks.md).
_RATE_FACTORS = {
    "draft": {"h264": 30, "h265": 32, "vp9": 36, "av1": 40},
    "high": {"h264": 14, "h265": 18, "vp9": 16, "av1": 20},
}
#: Presets of H.264 and H.265.
_PRESETS = {"draft": "ultrafast", "high": "veryfast"}
_JPEG_QUALITIES = {"draft": 80, "high": 98}


def at_quality(options: RenderOptions, output: str) -> RenderOptions:
    """Return options with the values that their quality stands for, where none are given.

    Raises:
        OptionInvalid: There is no such codec, or the output can't hold it.
    """
    level = options.quality
    if level == "standard":
        return options
    codec = choose_codec(Path(encoded_name(output)), options.codec).name
    factor, preset = _RATE_FACTORS[level].get(codec), _PRESETS[level]
    return replace(
        options,
        crf=factor if options.crf is None else options.crf,
        preset=preset if options.preset is None and codec in ("h264", "h265") else options.preset,
        jpeg_quality=options.jpeg_quality or _JPEG_QUALITIES[level],
    )
