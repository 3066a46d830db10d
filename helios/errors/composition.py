"""Errors of compositions."""

from collections.abc import Mapping, Sequence
from typing import Any

from helios.errors.base import HeliosError


class CompositionError(HeliosError):
    """Composition that can't be rendered."""


class CompositionNotFound(CompositionError, code="COMPOSITION_NOT_FOUND"):
    """There is no such composition."""


class CompositionInvalid(CompositionError, code="COMPOSITION_INVALID"):
    """The composition's file is damaged, or is not what its name says."""


class CompositionFailed(CompositionError, code="COMPOSITION_FAILED"):
    """The page threw an exception while it loaded."""


class CompositionTimedOut(CompositionError, code="COMPOSITION_LOAD_TIMEOUT"):
    """The page didn't fire `load` in time."""


class CompositionUnsettled(CompositionError, code="COMPOSITION_NEVER_SETTLED"):
    """A frame never became ready (fonts, images, media, `waitUntilStable`)."""


class CompositionUnchosen(CompositionError, code="COMPOSITION_UNCHOSEN"):
    """The file holds several compositions, and none of them was chosen; `details` list them."""

    #: What each declares: `id`, `width`, `height`, `fps` and `durationInFrames`.
    compositions: Sequence[Mapping[str, Any]] = ()


class DialectUnsupported(CompositionError, code="DIALECT_UNSUPPORTED"):
    """The page is made for another system's player; `details` hold its unsupported features."""


class DurationUnknown(CompositionError, code="DURATION_UNKNOWN"):
    """The page declares no duration, and none was given."""


class AssetMissing(CompositionError, code="ASSET_MISSING"):
    """The page requested files that don't exist; `details` hold their names."""


class MediaUnsupported(CompositionError, code="MEDIA_UNSUPPORTED"):
    """The browser can't play a media file; the hint has a command that converts it."""
