"""Options of rendering frames, as flags of `helios render`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from orchestrator.model.render_fields import Quality


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """Options of rendering frames; each becomes a flag of `helios render`."""

    #: Size of the page in CSS pixels.
    width: int = 1920
    height: int = 1080
    #: Frames per second.
    rate: Fraction = Fraction(30)
    #: Video codec (None: by the output's name), constant rate factor and encoder speed.
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    #: Decides on rate factor, speed and JPEG quality where these are None.
    quality: Quality = "standard"
    #: 0 to 100, of frames that leave the browser as JPEG; None for the default.
    jpeg_quality: int | None = None
    #: Output pixels per CSS pixel.
    scale: float = 1.0
    transparent: bool = False
    #: Seed of `Math.random`; the object in `window.__HELIOS_PROPS__`.
    seed: int = 0
    props: Mapping[str, Any] = field(default_factory=dict)
    #: Time zone of the page, by its IANA name, and its language tag.
    time_zone: str = DEFAULT_TIME_ZONE
    locale: str = DEFAULT_LOCALE
    #: Whether pages run every frame from 0 on first; None leaves it to the page.
    replay: bool | None = None
    allow_missing: bool = False
    #: Folder to serve; None for the page's own.
    root: str | None = None
    #: The system that the page is written for, by its name; None for plain HTML, as which chunks
    #: recognise it themselves.
    dialect: str | None = None
    #: Which composition of a file that holds several; None for the first.
    composition_id: str | None = None
    #: Seconds that the page gets to load, and each frame; None for the default.
    timeout: float | None = None
    #: Whether every frame from 0 on is drawn and photographed, losslessly, in one chunk.
    reference: bool = False

    @property
    def fps(self) -> float:
        """The rate as a decimal, as job specs and commands write it."""
        return float(self.rate)

    def page_flags(self) -> list[str]:
        """Return the flags that decide what the page shows."""
        flags = ["--fps", _decimal(self.fps)]
        for flag, value in (
            ("--root", self.root),
            ("--dialect", self.dialect),
            ("--composition", self.composition_id),
        ):
            flags += [] if value is None else [flag, value]
        if self.props:
            flags += ["--props", json.dumps(self.props, ensure_ascii=False, sort_keys=True)]
        if self.seed:
            flags += ["--seed", str(self.seed)]
        if self.time_zone != DEFAULT_TIME_ZONE:
            flags += ["--timezone", self.time_zone]
        if self.locale != DEFAULT_LOCALE:
            flags += ["--locale", self.locale]
        if self.reference or self.replay is not None:
            flags.append("--replay" if self.reference or self.replay else "--no-replay")
        if self.allow_missing:
            flags.append("--allow-missing")
        if self.timeout is not None:
            flags += ["--timeout", _decimal(self.timeout)]
        return flags

    def picture_flags(self) -> list[str]:
        """Return the flags that decide how pictures are taken and encoded."""
        flags = ["--width", str(self.width), "--height", str(self.height)]
        for flag, value in (
            ("--video-codec", self.codec),
            ("--quality", self.crf),
            ("--preset", self.preset),
            ("--jpeg-quality", self.jpeg_quality),
        ):
            if value is not None:
                flags += [flag, str(value)]
        if self.scale != 1:
            flags += ["--scale", _decimal(self.scale)]
        if self.transparent:
            flags.append("--transparent")
        if self.reference:
            flags.append("--reference")
        return flags


def _decimal(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(float(number))
