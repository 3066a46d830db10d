"""Animated images: GIF, APNG, WebP and AVIF, each shown by a page of its own."""

import json
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from urllib.parse import quote

from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.files.image_timing import ImageTiming, read_timing
from helios.renderer.dialects.source import Source

_PAGE = """<!doctype html>
<html data-duration="{seconds}"><meta charset="utf-8">
<style>
html, body {{ margin: 0; height: 100%; overflow: hidden }}
canvas {{ display: block; width: 100%; height: 100%; object-fit: contain }}
</style>
<canvas width="{width}" height="{height}"></canvas>
<script type="application/json" id="image">{image}</script>
</html>
"""
#: Folder that the image itself is served from: the page takes its address.
_FOLDER = "__helios_image__"


class AnimatedImage(Dialect):
    """Files of pictures that are shown one after another."""

    name = "image"
    suffixes = (".gif", ".png", ".apng", ".webp", ".avif")
    parts = ("plain_html", "animated_image")
    silent = True

    def detect(self, source: Source) -> bool:
        """Return True: its files are known by their endings, and checked when they are read."""
        del source
        return True

    def defaults(self, source: Source, composition_id: str | None = None) -> PageDefaults:
        """Return the image's size, and the rate of its pictures."""
        del composition_id
        timing = _timing(source)
        return PageDefaults(width=timing.width, height=timing.height, rate=timing.rate)

    def prepare(
        self, source: Source, folder: Path, composition_id: str | None
    ) -> Mapping[str, Path]:
        """Write a page that shows the image as large as fits."""
        del composition_id
        assert source.path is not None  # noqa: S101 - files at URLs are refused before
        timing = _timing(source)
        address = f"{_FOLDER}/{source.name}"
        image = {
            "address": f"/{quote(address)}",
            "type": timing.media_type,
            "ends": [float(end) for end in accumulate(timing.lengths)],
        }
        page = folder / "page.html"
        page.write_text(
            _PAGE.format(
                seconds=float(timing.seconds),
                width=timing.width,
                height=timing.height,
                image=json.dumps(image),
            ),
            "utf-8",
        )
        return {source.served_path: page, address: source.path}

    def needs(self, source: Source, composition_id: str | None) -> frozenset[str] | None:
        """Return the image alone."""
        del composition_id
        return frozenset({source.served_path})


def _timing(source: Source) -> ImageTiming:
    assert source.path is not None  # noqa: S101 - files at URLs are refused before
    return read_timing(source.path, source.data)
