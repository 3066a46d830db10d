"""The dialects, and which of them a composition is in."""

from typing import Final

from helios.errors import CompositionInvalid, DialectUnsupported, OptionInvalid
from helios.renderer.composition import SUFFIXES, Composition
from helios.renderer.dialects.base import PAGES, Dialect, PageDefaults
from helios.renderer.dialects.files.animated_image import AnimatedImage
from helios.renderer.dialects.files.animated_svg import AnimatedSvg
from helios.renderer.dialects.files.lottie import Lottie
from helios.renderer.dialects.helios import Helios
from helios.renderer.dialects.hyperframes import HyperFrames
from helios.renderer.dialects.plain_html import PlainHtml
from helios.renderer.dialects.remotion import Remotion
from helios.renderer.dialects.source import Source

_PLAIN: Final = PlainHtml()
#: By name; a composition is in the first that has its file's ending and recognises it.
DIALECTS: dict[str, Dialect] = {
    one.name: one
    for one in (
        Remotion(),
        HyperFrames(),
        Helios(),
        AnimatedSvg(),
        AnimatedImage(),
        Lottie(),
        _PLAIN,
    )
}
#: Longest side in pixels that a composition may declare: browsers draw no larger canvas.
_LARGEST_SIDE = 16384


def find_dialect(name: str) -> Dialect:
    """Return a dialect by its name.

    Raises:
        OptionInvalid: There is no such dialect.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        raise OptionInvalid(f"`dialect` {name!r}: must be one of {', '.join(DIALECTS)}") from None


def open_dialect(
    composition: Composition, name: str | None, composition_id: str | None = None
) -> tuple[Dialect, PageDefaults]:
    """Return the dialect of a composition, and what the composition declares in it.

    Args:
        name: A dialect by its name; by default the composition's own.
        composition_id: Id of the composition to show, where the file holds several.

    Raises:
        OptionInvalid: There is no such dialect or id, it isn't one of this file, or an invalid
            value is declared.
        CompositionInvalid: The file is damaged, or is not what its name says.
        DialectUnsupported: The file is no page, and lies at a URL.
    """
    source = Source(composition)
    fitting = [one for one in DIALECTS.values() if _fits(one, source)]
    if name is not None and find_dialect(name) not in fitting:
        names = ", ".join(one.name for one in fitting)
        raise OptionInvalid(f"`dialect` {name!r}: {source.name} is in another: {names}")
    if source.path is None and _PLAIN not in fitting:
        raise DialectUnsupported(
            f"{composition.url}: only pages are rendered from a URL",
            hint="Download the file, and give its path.",
        )
    if name is not None:
        dialect = find_dialect(name)
    else:
        marked = [one for one in fitting if not one.mark or one.mark in source.text]
        dialect = next(one for one in marked if one.detect(source))
    declared = dialect.defaults(source, composition_id)
    if max(declared.width, declared.height) > _LARGEST_SIDE:
        raise CompositionInvalid(
            f"{source.name}: its size is {declared.width} x {declared.height},"
            f" more than {_LARGEST_SIDE} pixels"
        )
    return dialect, declared


def needed_files(
    composition: Composition, composition_id: str | None = None
) -> frozenset[str] | None:
    """Return the paths, in the served folder, of all files that a composition consists of.

    None stands for the whole folder.

    Args:
        composition_id: Id of the composition to show, where the file holds several.
    """
    source = Source(composition)
    dialect = next(one for one in DIALECTS.values() if _fits(one, source))
    return dialect.needs(source, composition_id)


def _fits(dialect: Dialect, source: Source) -> bool:
    # A server may give its pages any address.
    suffix = source.suffix if source.suffix in SUFFIXES else PAGES[0]
    return suffix in dialect.suffixes
