"""The allow-list of URLs that a worker reads jobs and assets from, and writes results to."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from helios.errors import OptionInvalid, SourceForbidden
from helios.redaction import without_secrets

_DEFAULT_PORTS = {"http": 80, "https": 443}
_WEB = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*")
# What the parsers of two libraries may read differently, in a URL whose beginning decides.
_AMBIGUOUS = re.compile(r"[\0-\x20\\\x7f]")


_HINTS = {
    "sources": "HELIOS_ALLOWED_SOURCES and HELIOS_ARTIFACTS, set where the worker "
    "is deployed, name them; HELIOS_ALLOW_LOCAL=1 allows paths.",
    "destinations": "Results go to the job's own folder. Where the worker is "
    "deployed, HELIOS_ALLOWED_DESTINATIONS names others.",
}


class AllowedUrls:
    """Tells whether a URL begins like one of those that are allowed.

    Raises `OptionInvalid` if a prefix isn't plainly the beginning of URLs.

    Parameters
    ----------
    prefixes:
        Such as `s3://bucket/renders`, `https://example.com/jobs/` or `/mnt/jobs`. What follows a
        prefix begins at a `/`: `s3://bucket/renders-2` isn't below `s3://bucket/renders`. A scheme
        alone (`https://`) stands for all of its URLs.
    allow_local:
        Whether any path of this machine will do.
    what_for:
        What is allowed, for messages: `sources` or `destinations`.
    """

    def __init__(
        self,
        prefixes: Sequence[str],
        *,
        allow_local: bool = False,
        what_for: Literal["sources", "destinations"] = "sources",
    ) -> None:
        self._what_for = what_for
        try:
            self._prefixes = [_Place.of(prefix, what="prefix") for prefix in prefixes]
        except SourceForbidden as fault:
            raise OptionInvalid(
                f"allowed sources: {fault.message}",
                hint="Write URLs or folders such as s3://bucket/jobs, separated by commas.",
            ) from None
        self._allow_local = allow_local

    def check(self, url: str, *, what: str) -> None:
        """Refuse a URL that isn't on the list.

        May raise `SourceForbidden`.

        Parameters
        ----------
        what:
            The URL's role, for the message: `jobPath`, `assetsUrl`, `outputUrl`.
        """
        place = _Place.of(url, what=what)
        if place.scheme == "file" and self._allow_local:
            return
        if not any(place.is_below(prefix) for prefix in self._prefixes):
            raise SourceForbidden(
                f"{what}: {without_secrets(url)} is not on this worker's list of allowed "
                f"{self._what_for}",
                hint=_HINTS[self._what_for],
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
        place = cls._web(url) if _WEB.match(url) else cls._object(url)
        if place is None or _leads_elsewhere(place.path):
            raise SourceForbidden(f"{what}: {without_secrets(url)} can be read as different URLs")
        return place

    @classmethod
    def _web(cls, url: str) -> "_Place | None":
        if _AMBIGUOUS.search(url):
            return None
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
        except ValueError:
            return None
        if parts.username is not None or parts.password is not None:
            return None
        host = (parts.hostname or "").rstrip(".")
        return cls(parts.scheme, f"{host}:{port}" if host else "", parts.path.lstrip("/"))

    @classmethod
    def _object(cls, url: str) -> "_Place | None":
        # Names of objects may hold any character: what looks like a query is a part of them.
        scheme, _, rest = url.partition("://")
        bucket, _, path = rest.partition("/")
        if bucket and not _BUCKET.fullmatch(bucket):
            return None
        return cls(scheme.lower(), bucket, path)

    @classmethod
    def _local(cls, url: str) -> "_Place":
        path = url
        if url.lower().startswith("file://"):
            path = unquote(url[len("file://") :].removeprefix("localhost"))
        try:
            # Links and dots count as what they lead to.
            place = Path(path).resolve()
        except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a NUL character
            raise SourceForbidden(f"source: {path[:200]!r} leads nowhere") from None
        return cls("file", "", str(place).lstrip("/"))

    def is_below(self, prefix: "_Place") -> bool:
        if self.scheme != prefix.scheme:
            return False
        if prefix.authority and self.authority != prefix.authority:
            return False
        if not prefix.authority and prefix.scheme != "file":
            return not prefix.path
        folder = prefix.path.rstrip("/")
        return not folder or self.path == folder or self.path.startswith(f"{folder}/")


def _leads_elsewhere(path: str) -> bool:
    plain = unquote(path)
    return "\\" in plain or bool({".", ".."} & set(plain.split("/")))
