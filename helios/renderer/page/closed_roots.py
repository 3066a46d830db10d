"""Gives the page's runtime access to closed shadow trees."""

from collections.abc import Iterator

from helios.renderer.browser.devtools import Params
from helios.renderer.page.session import PageSession


async def add_closed_roots(session: PageSession) -> None:
    """Pass closed shadow trees to the runtime, which has to move the animations in them.

    These are trees declared in markup, and those in which the browser animates an element.
    """
    document = await session.call("DOM.getDocument", {"depth": -1, "pierce": True})
    for node in _closed_roots(document["root"]):
        answer = await session.call("DOM.resolveNode", {"backendNodeId": node})
        await session.call(
            "Runtime.callFunctionOn",
            {
                "objectId": answer["object"]["objectId"],
                "functionDeclaration": "function() { window.__helios_runtime__.addRoot(this) }",
            },
        )
    await session.call("DOM.disable")


def _closed_roots(node: Params) -> Iterator[int]:
    for root in node.get("shadowRoots", ()):
        kind = root.get("shadowRootType")
        if kind == "closed" or (kind == "user-agent" and node["localName"] == "marquee"):
            yield root["backendNodeId"]
        yield from _closed_roots(root)
    for child in node.get("children", ()):
        yield from _closed_roots(child)
