"""Packages a job for remote workers: with the composition that its commands read."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from helios.assets.archive import TOP_FOLDER
from helios.contract.command import (
    composition_id,
    composition_places,
    format_command,
    parse_command,
    root_places,
    served_root,
)
from helios.contract.job_spec import JobSpec
from helios.errors import JobSpecInvalid
from helios.output import write_failure
from helios.renderer.composition import Composition
from helios.renderer.dialects import needed_files


@dataclass(frozen=True, slots=True)
class PackagedJob:
    """A job for remote workers."""

    #: The job; its commands name compositions by their paths in the archive.
    spec: JobSpec
    #: Folder to pack; None if the commands read no files of this machine.
    folder: Path | None
    #: Paths in that folder to leave out: outputs of the job itself.
    leave_out: frozenset[str] = frozenset()
    #: Paths in that folder of all files that are read; None for the folder as it is.
    only: frozenset[str] | None = None


def package_job(spec: JobSpec, job_dir: Path, *, own_files: Collection[Path] = ()) -> PackagedJob:
    """Find the compositions that a job's commands read, and rename them for workers.

    Compositions that `helios render`, `still` and `merge --audio-from` name are found; what other
    programs read isn't, and a spec with `assetsUrl` says itself what it needs.

    Args:
        job_dir: The job's folder, which paths in commands are relative to.
        own_files: Files and folders that the job makes beside those in its spec.
    """
    if spec.assets_url is not None:
        return PackagedJob(spec, None)
    commands = [parse_command(command) for command in _commands(spec)]
    read = {
        (name, composition_id(words)): served_root(words)
        for words in commands
        for name in _inputs(words)
        if not _is_remote(name)
    }
    found = {
        (name, chosen): Composition.find(name, base=job_dir, root=root)
        for (name, chosen), root in read.items()
    }
    roots = {composition.root for composition in found.values() if composition.root is not None}
    if not roots:
        return PackagedJob(spec, None)
    folder = _common_folder(roots, job_dir)
    names = {name: _name_in(folder, composition) for (name, _), composition in found.items()}
    for root in filter(None, map(served_root, commands)):
        served = (job_dir / root).resolve().relative_to(folder)
        names[root] = PurePosixPath(TOP_FOLDER, served.as_posix()).as_posix()
    made = [job_dir / name for name in (*_merged(spec), *(c.output_file for c in spec.chunks))]
    return PackagedJob(
        _renamed(spec, lambda name: names.get(name, name)),
        folder,
        _inside(folder, [*own_files, *made]),
        _needed(folder, [(composition, chosen) for (_, chosen), composition in found.items()]),
    )


def merge_needs_assets(spec: JobSpec, job_dir: Path) -> bool:
    """Tell whether a job's merge reads a composition that isn't on this machine, only in assets."""
    if spec.assets_url is None:
        return False
    return not all((job_dir / name).exists() for name in _played(spec))


def plays(spec: JobSpec) -> bool:
    """Tell whether a job's merge reads a composition that isn't on the web."""
    return bool(_played(spec))


def _played(spec: JobSpec) -> list[str]:
    words = parse_command(spec.merge_command)
    return [name for name in _inputs(words) if not _is_remote(name)]


def name_in_assets(source: str, root: str | None = None) -> str:
    """Return the name of a composition for workers, once its folder is packed; URLs stay."""
    composition = Composition.find(source, root=root)
    return source if composition.root is None else _name_in(composition.root, composition)


def link_composition(source: str, job_dir: Path, root: str | None = None) -> None:
    """Link a composition's folder into a job's folder, under its name for workers.

    What is joined on this machine then finds it, too.
    """
    folder = Composition.find(source, root=root).root
    if folder is None:
        return
    link = job_dir / TOP_FOLDER
    try:
        if link.is_symlink():
            link.unlink()
        link.symlink_to(folder)
    except OSError as fault:
        raise write_failure(fault, output=link) from fault


def _commands(spec: JobSpec) -> list[str]:
    commands = [chunk.command for chunk in spec.chunks]
    return [*commands, spec.merge_command] if spec.merge_command.strip() else commands


def _inputs(words: list[str]) -> list[str]:
    """Return the compositions that a command names."""
    return [words[place] for place in composition_places(words)]


def _merged(spec: JobSpec) -> list[str]:
    """Return the file that the merge writes, if its command names it."""
    words = parse_command(spec.merge_command)
    return words[2:3] if words[:2] == ["helios", "merge"] else []


def _is_remote(name: str) -> bool:
    return urlsplit(name).scheme in ("http", "https")


def _common_folder(roots: set[Path], job_dir: Path) -> Path:
    if len(roots) == 1:
        return next(iter(roots))
    folder = job_dir.resolve()
    if all(root.is_relative_to(folder) for root in roots):
        return folder
    raise JobSpecInvalid(
        "the job's commands read from several folders",
        hint="Put them into the folder of the job spec, or pack them and give assetsUrl.",
        details=sorted(map(str, roots)),
    )


def _needed(
    folder: Path, compositions: Iterable[tuple[Composition, str | None]]
) -> frozenset[str] | None:
    """Return the files of compositions that consist of few, relative to a folder; None for all.

    Args:
        compositions: Each with the id of the one to show, where its file holds several.
    """
    needed: set[str] = set()
    for composition, chosen in compositions:
        names = needed_files(composition, chosen)
        if names is None or composition.root is None:
            return None
        above = PurePosixPath(composition.root.relative_to(folder).as_posix())
        needed |= {(above / name).as_posix() for name in names}
    return frozenset(needed)


def _name_in(folder: Path, composition: Composition) -> str:
    """Return a composition's name in the archive of a folder that holds it."""
    if composition.root is None:
        return composition.url
    page = composition.served_path
    name = PurePosixPath(TOP_FOLDER, composition.root.relative_to(folder).as_posix())
    return str(name if page == "index.html" else name / page)


def _renamed(spec: JobSpec, rename: Callable[[str], str]) -> JobSpec:
    chunks = [
        chunk.model_copy(update={"command": _command(chunk.command, rename)})
        for chunk in spec.chunks
    ]
    merge_command = _command(spec.merge_command, rename)
    return spec.model_copy(update={"chunks": chunks, "merge_command": merge_command})


def _command(command: str, rename: Callable[[str], str]) -> str:
    words = parse_command(command)
    places = [*composition_places(words), *root_places(words)]
    if all(rename(words[place]) == words[place] for place in places):
        return command
    for place in places:
        words[place] = rename(words[place])
    return format_command(words)


def _inside(folder: Path, paths: Collection[Path]) -> frozenset[str]:
    """Return the paths that lie below a folder, relative to it."""
    places = (path.parent.resolve() / path.name for path in paths)
    return frozenset(
        place.relative_to(folder).as_posix()
        for place in places
        if place.is_relative_to(folder) and place != folder
    )
