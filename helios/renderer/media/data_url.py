"""Decodes `data:` URLs."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from helios.errors import AudioFailed


def data_of(url: str) -> bytes:
    """Return the bytes that a `data:` address holds, as browsers do (RFC 2397, WHATWG Fetch)."""
    head, _, body = url.partition(",")
    data = unquote_to_bytes(body)
    if not head.lower().rstrip().endswith(";base64"):
        return data
    letters = b"".join(data.split()).rstrip(b"=")
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    except binascii.Error as error:
        raise AudioFailed(f"{url[:40]}...: broken data address") from error
