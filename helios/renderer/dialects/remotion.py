"""Remotion: bundles, as its bundler writes them, driven by the frame's number."""

import re

from helios.errors import DialectUnsupported
from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.source import Source

_FORMAT = re.compile(r"""\bwindow\.siteVersion\s*=\s*["'](\w+)["']""")
#: The format of bundles whose functions are called here.
_SUPPORTED = "11"


class Remotion(Dialect):
    """Folders that Remotion's bundler wrote."""

    name = "remotion"
    mark = "remotion_"
    parts = ("plain_html", "remotion/window", "remotion/audio", "remotion/dialect")
    is_evaluated = True
    asks_for_video_frames = True
    sounds_by_frame = True

    def detect(self, source: Source) -> bool:
        """Return whether the page names the format of a bundle."""
        return _FORMAT.search(source.text) is not None

    def defaults(self, source: Source, composition_id: str | None = None) -> PageDefaults:
        """Check the format of a bundle; what its compositions declare, its scripts compute.

        Raises:
            DialectUnsupported: The page is no bundle, or one of another format.
        """
        del composition_id
        found = _FORMAT.search(source.text)
        if found is None:
            raise DialectUnsupported(
                f"{source.name}: isn't a Remotion bundle",
                hint="`npx remotion bundle` writes one; give its folder.",
            )
        if found[1] != _SUPPORTED:
            raise DialectUnsupported(
                f"{source.name}: the bundle has format {found[1]}; only {_SUPPORTED} is rendered",
                hint="Bundle the project again, with Remotion 4.0.527 or a later 4.0.",
            )
        return PageDefaults()
