"""A page created from a tree: its files, and the facts for rendering it."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import fuzz.pieces  # noqa: F401 - registers the kinds
from fuzz.pages.draw import FRAMES, Draw
from fuzz.pages.kinds import EFFECTS, ELEMENTS
from fuzz.pages.part import Part
from fuzz.pages.tree import Forest, Node

_PAGE = """<!doctype html>
<html data-duration="{seconds}"{replay}><meta charset="utf-8">
<style>
body {{ margin: 0; background: #e8e4da; overflow: hidden; font: 13px "DejaVu Sans" }}
{css}</style>
<body>
{html}<script>
const root = document;
const find = (id) => root.getElementById(id);
{script}</script></body></html>
"""


@dataclass(frozen=True)
class FuzzPage:
    """A generated composition.

    Attributes:
        files: Text by file name; `index.html` is the page.
        media: Names of further files that it uses.
    """

    files: Mapping[str, str]
    media: frozenset[str]

    def write(self, folder: Path, *, media: Path) -> None:
        """Write the page into a folder, with its media from another one."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.media:
            shutil.copy(media / name, folder)
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8")


def make_page(forest: Forest) -> FuzzPage:
    """Return the page of a tree; the same tree gives the same page."""
    names = (f"e{number}" for number in count(1))
    part = Part()
    for node in forest:
        part += _build(node, names)
    page = _PAGE.format(
        seconds=FRAMES / 30,
        replay=" data-helios-replay" if part.stateful else "",
        css=part.css,
        html=part.html,
        script=part.script,
    )
    return FuzzPage({**part.files, "index.html": page}, part.media)


def _build(node: Node, names: Iterator[str]) -> Part:
    """Create a node's part: its content, its element, and its effects."""
    inside = Part()
    for child in node.children:
        inside += _build(child, names)
    name = next(names)
    kind = ELEMENTS[node.kind]
    made = kind.make(Draw(node.seed, name), inside)
    # Each effect has its own name, for its keyframes and classes.
    effects = [
        EFFECTS[effect].make(Draw(seed, f"{name}_{number}"))
        for number, (effect, seed) in enumerate(node.effects)
    ]
    style = "; ".join(filter(None, (part.style for part in (made, *effects))))
    rules = [f"#{name} {{ {style} }}\n"] if style else []
    rules += [part.css.replace("&", f"#{name}") for part in (made, *effects)]
    blocks = [
        f'{{ const e = find("{name}");\n{part.script} }}\n'
        for part in (made, *effects)
        if part.script
    ]
    whole = inside if not kind.boundary else replace(inside, css="", script="")
    for part in (made, *effects):
        whole += replace(part, html="", css="", script="", style="")
    # What a frame's callback sets begins a transition there, which depends on the frame before.
    begins = "transition:" in style and any("requestAnimationFrame" in block for block in blocks)
    return replace(
        whole,
        stateful=whole.stateful or begins,
        html=made.html,
        css=whole.css + "".join(rules),
        script=whole.script + "".join(blocks),
    )
