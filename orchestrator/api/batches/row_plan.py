"""Checks the rows of a batch one by one: their outputs, settings and props."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helios import __version__
from helios.renderer.composition import Composition
from helios.renderer.dialects import PageDefaults
from helios.renderer.props import read_props
from orchestrator.api.batches.output_names import OutputNames
from orchestrator.api.batches.row_settings import props_of, settings_of
from orchestrator.api.batches.rows import Row, Rows
from orchestrator.api.rendering.checks import check_incremental
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.target import Target
from orchestrator.delivery.destination import Destination
from orchestrator.planning.composition_probe import given_frames
from orchestrator.planning.output_kinds import is_playlist, is_sequence
from orchestrator.planning.planner import check_options
from orchestrator.planning.render_options import RenderOptions

if TYPE_CHECKING:
    from helios.renderer.dialects.variables import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """A batch to render.

    Attributes:
        output: Template of the outputs' names, with columns in braces.
        keywords: Settings that all rows have, as keywords of `render_batch`.
        probes_each: Whether the page is loaded with the props of each row for its length and sound.
    """

    source: str
    rows: Rows
    output: str
    targets: tuple[Target, ...]
    keywords: Mapping[str, Any]
    probes_each: bool = False


@dataclass(slots=True, kw_only=True)
class PlannedRow:
    """A row whose values were checked.

    Attributes:
        number, line: Its place among the rows, counted from 1, and its line in their file.
        recipe: Digest of everything that decides on its video but the composition's files.
        frames, sounds: Length of its timeline and whether it has sound; None until the page was
            loaded.
        same_as: Number of an earlier row with the same recipe, whose video it gets a copy of. Rows
            whose output isn't a single file have none.
    """

    number: int
    line: int
    destination: Destination
    settings: RenderSettings
    options: RenderOptions
    recipe: str
    frames: int | None = None
    sounds: bool | None = None
    same_as: int | None = None

    @property
    def output(self) -> str:
        """Path or URL of its video."""
        return str(self.destination)

    @property
    def folder_name(self) -> str:
        """Name of its job's folder, which no other output has."""
        return hashlib.sha256(self.output.encode(errors="surrogateescape")).hexdigest()[:16]


class RowPlanner:
    """Checks rows one by one."""

    def __init__(
        self,
        request: BatchRequest,
        settings: RenderSettings,
        names: OutputNames,
        *,
        composition: Composition,
        dialect: str,
        declared: PageDefaults,
    ) -> None:
        self._request = request
        self._settings = settings
        self._names = names
        self._root = None if composition.serves_page_folder else str(composition.root)
        self._dialect = dialect
        self._declared = declared
        props = settings.props
        self._props = read_props(props) if isinstance(props, str) else dict(props)
        known: tuple[Variable, ...] = declared.variables or ()
        declared_names = {variable.name for variable in known}
        # Without declarations, a page may want to know what it is called, too.
        self._unused = (
            frozenset() if declared.variables is None else frozenset(names.columns) - declared_names
        )
        self._first: dict[str, int] = {}
        self._folders: set[Path] = set()

    def plan(self, number: int, row: Row) -> PlannedRow:
        """Return a checked row.

        Raises:
            HeliosError, ValueError: What is wrong with it.
        """
        destination = Destination.of(self._names.of(row.values))
        props = props_of(row, self._props, variables=self._declared.variables, unused=self._unused)
        settings = self._with({**settings_of(row), "props": props})
        options = replace(settings.picture(self._dialect, self._declared), root=self._root)
        check_options(destination.name, options)
        request = self._request
        check_incremental(settings, request.source, request.targets, destination)
        images = is_sequence(destination.name, options.codec)
        self._check_destination(destination, images=images)
        given_frames(settings.duration, settings.frames, options.rate)
        recipe = _recipe(settings, options, Path(destination.name).suffix)
        is_copied = not images and not is_playlist(destination.name)
        first = self._first.setdefault(recipe, number) if is_copied else number
        return PlannedRow(
            number=number,
            line=row.line,
            destination=destination,
            settings=settings,
            options=options,
            recipe=recipe,
            same_as=None if first == number else first,
        )

    def _with(self, own: Mapping[str, Any]) -> RenderSettings:
        keywords = dict(self._request.keywords)
        if "duration" in own or "frames" in own:
            keywords |= {"duration": None, "frames": None}
        if "width" in own or "height" in own:
            keywords = _without_size(keywords)
        return RenderSettings.of({**keywords, **own})

    def _check_destination(self, destination: Destination, *, images: bool) -> None:
        path = destination.path
        if path is None or images:
            destination.check(images=images)
        elif path.parent not in self._folders or path.is_dir():
            # A folder that takes one file takes the others, too.
            destination.check(images=False)
            self._folders.add(path.parent)


def _without_size(keywords: dict[str, Any]) -> dict[str, Any]:
    size = keywords.pop("size", None)
    if size is not None:
        keywords["width"], keywords["height"] = size
    return keywords


def _recipe(settings: RenderSettings, options: RenderOptions, suffix: str) -> str:
    named = replace(options, quality="standard")
    parts = [
        *named.picture_flags(),
        *named.page_flags(),
        options.quality,
        suffix,
        str((settings.duration, settings.frames, settings.audio)),
        __version__,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
