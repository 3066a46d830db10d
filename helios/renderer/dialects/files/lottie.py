"""Lottie: animations as JSON files, or in `.lottie` archives, drawn by lottie-web as SVG."""

import base64
import html
import json
import mimetypes
import posixpath
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from helios.errors import ProgramMissing
from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.files.lottie_animation import LottieAnimation, read_animation
from helios.renderer.dialects.files.lottie_archive import read_archive
from helios.renderer.dialects.source import Source

#: No script but the player's runs: neither one that the file names, nor what a text evaluates.
_PAGE = """<!doctype html>
<html data-duration="{seconds}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="script-src 'nonce-player'">
<style>
html, body, #lottie {{ margin: 0; width: 100%; height: 100%; overflow: hidden }}
{faces}
</style>
{sheets}
</head><body>
<div id="lottie"></div>
<script type="application/json" id="animation">{file}</script>
<script nonce="player" src="/{player}"></script>
</body></html>
"""
#: Path that the player is served at.
_PLAYER = "__helios_player__/lottie.js"
_FOLDER = resources.files("helios.renderer.dialects") / "players"
_INSTALLED = "node_modules/lottie-web/build/player/lottie_svg.min.js"


class Lottie(Dialect):
    """Files of Lottie's JSON, and dotLottie archives of several."""

    name = "lottie"
    suffixes = (".json", ".lottie")
    parts = ("plain_html", "fonts", "lottie")
    silent = True

    def detect(self, source: Source) -> bool:
        """Return True: no other files have these endings, and their content is checked."""
        del source
        return True

    def defaults(self, source: Source, composition_id: str | None = None) -> PageDefaults:
        """Return size and rate of the animation."""
        found, _ = _read(source, composition_id)
        return PageDefaults(width=found.width, height=found.height, rate=found.rate)

    def prepare(
        self, source: Source, folder: Path, composition_id: str | None
    ) -> Mapping[str, Path]:
        """Write a page with the animation, which lottie-web draws as large as fits."""
        found, facts = _read(source, composition_id)
        file = {
            "animation": found.data,
            "rate": float(found.rate),
            "first": found.data["ip"],
            "frames": float(found.seconds * found.rate),
            "repeats": facts.get("loop") is not False,
            "background": facts.get("background"),
            "ignored": found.ignored,
            "families": found.families,
        }
        text = _PAGE.format(
            seconds=float(found.seconds),
            faces="\n".join(_face(*font) for font in found.fonts.items()),
            sheets="\n".join(
                f'<link rel="stylesheet" href="{html.escape(sheet)}">' for sheet in found.sheets
            ),
            # Nothing in it ends the element that holds it.
            file=json.dumps(file).replace("<", "\\u003c"),
            player=_PLAYER,
        )
        page = folder / "page.html"
        page.write_text(text, "utf-8")
        return {source.served_path: page, _PLAYER: _player()}

    def needs(self, source: Source, composition_id: str | None) -> frozenset[str] | None:
        """Return the file, and the images and fonts in the served folder that it names."""
        found, _ = _read(source, composition_id)
        addresses = [f"{one.get('u', '')}{one.get('p', '')}" for one in _images(found.data)]
        addresses += [*found.fonts.values(), *found.sheets]
        return frozenset({source.served_path, *filter(None, map(source.path_of, addresses))})


def _read(source: Source, composition_id: str | None) -> tuple[LottieAnimation, Mapping[str, Any]]:
    """Return an animation, and what its archive says of it."""
    if source.suffix == ".json":
        return read_animation(source.name, source.data), {}
    archived = read_archive(source.name, source.data, composition_id)
    found = read_animation(source.name, archived.animation)
    for image in _images(found.data):
        content = archived.images.get(posixpath.basename(str(image.get("p"))))
        if content is not None:
            kind = mimetypes.guess_type(str(image["p"]))[0] or "application/octet-stream"
            data = base64.b64encode(content).decode()
            image.update(u="", p=f"data:{kind};base64,{data}", e=1)
    return found, archived.facts


def _images(animation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the images of an animation that are files."""
    assets: list[dict[str, Any]] = animation["assets"]
    return [
        one
        for one in assets
        if isinstance(one.get("p"), str) and not one.get("e") and not one["p"].startswith("data:")
    ]


def _face(family: str, address: str) -> str:
    return f"@font-face {{ font-family: {_quoted(family)}; src: url({_quoted(address)}) }}"


def _quoted(text: str) -> str:
    """Return a text as a string of CSS that neither it nor the element around it is ended by."""
    return '"' + "".join(one if one.isalnum() else f"\\{ord(one):x} " for one in text) + '"'


def _player() -> Path:
    with resources.as_file(_FOLDER / _INSTALLED) as path:
        if not path.is_file():
            raise ProgramMissing(
                "lottie-web isn't installed",
                hint=f"make setup; or: npm ci --ignore-scripts --prefix {_FOLDER}",
            )
        return path
