"""Redacts secrets in logs and messages."""

import re
from collections.abc import Collection, Mapping

#: Replacement of a secret.
REDACTED = "[redacted]"
#: Least length of a secret that is searched for in text; shorter ones match by chance.
MIN_SECRET_LENGTH = 8

_SECRET_NAME = re.compile(
    r"secret|token|passw|credential|signature|authorization|cookie|api[-_]?key|access[-_]?key"
    r"|private[-_]?key",
    re.IGNORECASE,
)
# Bounded repeats keep the search linear.
_SCHEME = r"\b[A-Za-z][A-Za-z0-9+.-]{0,15}://"
# Everything after `?` in a URL, as stores name the parameters of a presigned URL's signature
# differently; and user and password before the host.
_QUERY = re.compile(rf"(?P<url>{_SCHEME}[^\s?#\"'<>]{{0,2048}})[?#][^\s\"'<>]*")
_USER = re.compile(rf"(?P<scheme>{_SCHEME})[^\s/?#\"'<>]{{0,1024}}@")
_TOKENS = re.compile(
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9._-]*"  # JSON web tokens
    r"|\bya29\.[A-Za-z0-9._-]+"  # Google access tokens
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"  # AWS key ids
    r"|(?i:(?<=\bbearer )[A-Za-z0-9._~+/=-]+|(?<=\bbasic )[A-Za-z0-9+/=_-]{16,})"
)
# `X-Amz-Signature=...`, `"token": "..."`, `password: ...` outside of URLs.
_ASSIGNED = re.compile(
    rf"(?P<name>(?:{_SECRET_NAME.pattern})[\w-]{{0,40}}[\"']?\s{{0,4}}[=:]\s{{0,4}}[\"']?)"
    r"(?!\[redacted\])[^\s\"'&,;}]+",
    re.IGNORECASE,
)


def without_secrets(text: str, secrets: Collection[str] = ()) -> str:
    """Return a text without known secrets, and without what looks like a secret."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = _USER.sub(rf"\g<scheme>{REDACTED}@", text)
    text = _QUERY.sub(rf"\g<url>?{REDACTED}", text)
    text = _TOKENS.sub(REDACTED, text)
    return _ASSIGNED.sub(rf"\g<name>{REDACTED}", text)


def is_secret_name(name: str) -> bool:
    """Return whether a name denotes a secret, as `apiKey` and `GITHUB_TOKEN` do."""
    return _SECRET_NAME.search(name) is not None


def secret_values(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the values of variables whose names denote a secret."""
    return frozenset(
        value
        for name, value in environment.items()
        if len(value) >= MIN_SECRET_LENGTH and is_secret_name(name)
    )
