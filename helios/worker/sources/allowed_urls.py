"""Allow-lists of the URLs that a worker reads jobs and assets from and writes results to."""

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
# Characters that parsers treat differently: a check and a client could see different URLs.
_AMBIGUOUS = re.compile(r"[\0-\x20\\\x7f]")


_HINTS = {
    "sources": "The worker's environment allows them by HELIOS_ALLOWED_SOURCES and "
    "HELIOS_ARTIFACTS; HELIOS_ALLOW_LOCAL=1 allows paths.",
    "destinations": "Results go to the job's own folder. HELIOS_ALLOWED_DESTINATIONS in the "
    "worker's environment allows others.",
}


class AllowedUrls:
    """An allow-list of URL prefixes.

    Raises `OptionInvalid` for an ambiguous prefix.

    Args:
        prefixes: Such as `s3://bucket/renders`, `https://example.com/jobs/` or `/mnt/jobs`. A
            prefix ends at a `/`: `s3://bucket/renders-2` isn't below `s3://bucket/renders`. A
            scheme alone (`https://`) allows all of its URLs.
        allow_local: Whether all paths of this machine are allowed.
        what_for: Purpose of the URLs, for messages: `sources` or `destinations`.
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
            self._prefixes = [_Location.of(prefix, what="prefix") for prefix in prefixes]
        except SourceForbidden as fault:
            raise OptionInvalid(
                f"allowed sources: {fault.message}",
                hint="Write URLs or folders such as s3://bucket/jobs, separated by commas.",
            ) from None
        self._allow_local = allow_local

    def check(self, url: str, *, what: str) -> None:
        """Raise `SourceForbidden` for a URL that isn't on the list.

        `what` is the URL's field, for the message: `jobPath`, `assetsUrl`, `outputUrl`.
        """
        if not self.has(url, what=what):
            raise SourceForbidden(
                f"{what}: {without_secrets(url)} is not on this worker's list of allowed "
                f"{self._what_for}",
                hint=_HINTS[self._what_for],
            )

    def has(self, url: str, *, what: str = "source") -> bool:
        """Return whether a URL is on the list; `SourceForbidden` if it has several readings."""
        location = _Location.of(url, what=what)
        if location.scheme == "file" and self._allow_local:
            return True
        return any(location.is_below(prefix) for prefix in self._prefixes)


class _Location:
    """A parsed URL: scheme, authority (host and port, or bucket), path."""

    def __init__(self, scheme: str, authority: str, path: str) -> None:
        self.scheme = scheme
        self.authority = authority
        self.path = path

    @classmethod
    def of(cls, url: str, *, what: str = "source") -> "_Location":
        if not _SCHEME.match(url) or url.lower().startswith("file://"):
            return cls._local(url)
        location = cls._web(url) if _WEB.match(url) else cls._object(url)
        if location is None or _has_detours(location.path):
            raise SourceForbidden(f"{what}: {without_secrets(url)} is an ambiguous URL")
        return location

    @classmethod
    def _web(cls, url: str) -> "_Location | None":
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
    def _object(cls, url: str) -> "_Location | None":
        # Keys may contain any character: what looks like a query is part of the key.
        scheme, _, rest = url.partition("://")
        bucket, _, path = rest.partition("/")
        if bucket and not _BUCKET.fullmatch(bucket):
            return None
        return cls(scheme.lower(), bucket, path)

    @classmethod
    def _local(cls, url: str) -> "_Location":
        path = url
        if url.lower().startswith("file://"):
            path = unquote(url[len("file://") :].removeprefix("localhost"))
        try:
            # The target of links and dots is what has to be allowed.
            resolved = Path(path).resolve()
        except (OSError, RuntimeError, ValueError):  # too long, a link to itself, a NUL character
            raise SourceForbidden(f"source: {path[:200]!r} is not a valid path") from None
        return cls("file", "", str(resolved).lstrip("/"))

    def is_below(self, prefix: "_Location") -> bool:
        if self.scheme != prefix.scheme:
            return False
        if prefix.authority and self.authority != prefix.authority:
            return False
        if not prefix.authority and prefix.scheme != "file":
            return not prefix.path
        folder = prefix.path.rstrip("/")
        return not folder or self.path == folder or self.path.startswith(f"{folder}/")


def _has_detours(path: str) -> bool:
    """Return whether a path has dots or backslashes, which some clients resolve."""
    plain = unquote(path)
    return "\\" in plain or bool({".", ".."} & set(plain.split("/")))
