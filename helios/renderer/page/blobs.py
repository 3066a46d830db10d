"""Reading what a page holds in a Blob."""

import base64
import json

from helios.renderer.page.session import PageSession

#: Bytes that are read at a time.
_READ_BYTES = 1 << 20


async def read_blob(session: PageSession, address: str, context: int | None) -> bytes | None:
    """Return the bytes at a `blob:` address that a page has made; None if it made none.

    Args:
        context: The document that the address belongs to; None for the outermost.
    """
    params = {"expression": f"__helios_runtime__.blobAt({json.dumps(address)})"}
    answer = await session.call(
        "Runtime.evaluate", params if context is None else {**params, "contextId": context}
    )
    blob = answer["result"].get("objectId")
    if blob is None:
        return None
    handle = f"blob:{(await session.call('IO.resolveBlob', {'objectId': blob}))['uuid']}"
    content = bytearray()
    while True:
        part = await session.call("IO.read", {"handle": handle, "size": _READ_BYTES})
        encoded = part.get("base64Encoded")
        content += base64.b64decode(part["data"]) if encoded else part["data"].encode()
        if part["eof"]:
            break
    await session.call("IO.close", {"handle": handle})
    return bytes(content)
