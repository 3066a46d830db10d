"""The list of places that a worker reads jobs and assets from, and writes results to."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from helios.errors import SourceForbidden
from helios.redaction import without_secrets

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*")
# What the parsers of two libraries may read differently, in a URL whose beginning decides.
_AMBIGUOUS = re.compile(r"[\0-\x20\\\x7f]")


class AllowedUrls:
    """Tells whether a URL begins like one of those that are allowed.

    Parameters
    ----------
    prefixes:
        Such as `s3://bucket/renders`, `https://example.com/jobs/` or `/mnt/jobs`. What follows a
        prefix begins at a `/`: `s3://bucket/renders-2` isn't below `s3://bucket/renders`. A scheme
        alone (`https://`) stands for all of its URLs.
    allow_local:
        Whether any path of this machine will do.
    """

    def __init__(self, prefixes: Sequence[str], *, allow_local: bool = False) -> None:
        self._prefixes = [_Place.of(prefix) for prefix in prefixes]
        self._allow_local = allow_local

    def check(self, url: str, *, what: str) -> None:
        """Refuse a URL that isn't on the list.

        Parameters
        ----------
        what:
            The URL's role, for the message: `jobPath`, `assetsUrl`, `outputUrl`.

        Raises
        ------
        SourceForbidden
        """
        place = _Place.of(url, what=what)
        if place.scheme == "file" and self._allow_local:
            return
        if not any(place.is_below(prefix) for prefix in self._prefixes):
            raise SourceForbidden(
                f"{what}: {without_secrets(url)} is not on this worker's list of allowed sources",
                hint="HELIOS_ALLOWED_SOURCES and HELIOS_ARTIFACTS, set where the worker is "
                "deployed, name them; HELIOS_ALLOW_LOCAL=1 allows paths.",
            )


class _Place:
    """A URL taken apart: scheme, authority (host and port, or bucket), path."""

    def __init__(self, scheme: str, authority: str, path: str) -> None:
        self.scheme = scheme
        self.authority = authority
        self.path = path

    @classmethod
    def of(cls, url: str, *, what: str = "source") -> "_Place":
        if not _SCHEME.match(url) or url.lower().startswith("file://"):
            return cls._local(url)
        fault = SourceForbidden(
            f"{what}: {without_secrets(url)} can't be told from a forbidden URL"
        )
        if _AMBIGUOUS.search(url):
            raise fault
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise fault from None
        scheme = parts.scheme.lower()
        if scheme in _DEFAULT_PORTS:
            if parts.username is not None or parts.password is not None:
                raise fault
            authority = (parts.hostname or "").lower().rstrip(".")
            port = port or _DEFAULT_PORTS[scheme]
            authority = f"{authority}:{port}" if authority else ""
        else:
            # Object keys may hold any character, but what isn't a key must not look like one.
            authority = parts.netloc
            if authority and not _BUCKET.fullmatch(authority):
                raise fault
        path = url.split("://", 1)[1].partition("/")[2]
        if scheme in _DEFAULT_PORTS:
            path = parts.path.lstrip("/")
        if {".", ".."} & set(unquote(path).split("/")) or "\\" in unquote(path):
            raise fault
        return cls(scheme, authority, path)

    @classmethod
    def _local(cls, url: str) -> "_Place":
        path = url
        if url.lower().startswith("file://"):
            path = unquote(url[len("file://") :].removeprefix("localhost"))
        if "\0" in path:
            raise SourceForbidden(f"source: {path!r} holds a NUL character")
        # Links and dots count as what they lead to.
        return cls("file", "", str(Path(path).resolve()).lstrip("/"))

    def is_below(self, prefix: "_Place") -> bool:
        if self.scheme != prefix.scheme:
            return False
        if prefix.authority and self.authority != prefix.authority:
            return False
        if not prefix.authority and prefix.scheme != "file":
            return not prefix.path
        folder = prefix.path.rstrip("/")
        return not folder or self.path == folder or self.path.startswith(f"{folder}/")
