"""Finds the chunks of an earlier render that would be rendered alike.

A chunk's file is named by its recipe, and beside it lies a note of what was read for it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from helios.contract.command import parse_command, served_root
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.records.input_manifest import InputManifest, file_digest, manifest_beside
from helios.renderer.composition import Composition
from helios.renderer.project_root import locate
from helios.renderer.versions import renderer_versions
from orchestrator.planning.resume import whole_chunks

#: Files that a reason names at most.
_NAMED = 3


@dataclass(frozen=True)
class KeptChunks:
    """Chunks that are kept, and why the others are rendered."""

    #: Chunks that are kept.
    ids: frozenset[int]
    #: A reason for each other chunk, by its id.
    reasons: Mapping[int, str]

    def __str__(self) -> str:
        count = len(self.ids) + len(self.reasons)
        parts = [f"{len(self.ids)} of {count} {'chunk' if count == 1 else 'chunks'} kept"]
        for numbers, reason in self.grouped():
            name = "chunk" if len(numbers) == 1 else "chunks"
            parts.append(f"{name} {_range(numbers)}: {reason}")
        return "; ".join(parts)

    def grouped(self) -> list[tuple[list[int], str]]:
        """Return the other chunks, those in a row with the same reason together."""
        pairs = enumerate(sorted(self.reasons.items()))
        runs = groupby(pairs, key=lambda each: (each[1][0] - each[0], each[1][1]))
        return [([pair[0] for _, pair in run], reason) for (_, reason), run in runs]


async def unchanged_chunks(spec: JobSpec, job_dir: Path) -> KeptChunks:
    """Compare the inputs of the chunks of an incremental job with the current files."""
    whole = await whole_chunks(spec, job_dir)
    reasons = await asyncio.to_thread(_reasons, spec, job_dir)
    for chunk in spec.chunks:
        if chunk.id not in whole:
            reasons.setdefault(chunk.id, _DAMAGED)
    ids = frozenset(chunk.id for chunk in spec.chunks) - reasons.keys()
    return KeptChunks(ids, reasons)


_NEW = "not rendered like this before"
_DAMAGED = "its file is damaged"


def _reasons(spec: JobSpec, job_dir: Path) -> dict[int, str]:
    comparison = _Comparison(job_dir, renderer_versions())
    reasons = {chunk.id: comparison.difference(chunk) for chunk in spec.chunks}
    return {chunk_id: reason for chunk_id, reason in reasons.items() if reason is not None}


class _Comparison:
    """Compares recorded inputs with the current files; each file is read once."""

    def __init__(self, job_dir: Path, versions: Mapping[str, str]) -> None:
        self._job_dir = job_dir
        self._versions = versions
        self._digests: dict[tuple[Path, str], str | None] = {}

    def difference(self, chunk: RenderChunk) -> str | None:
        """Return why a chunk has to be rendered; None if it needn't be."""
        output = self._job_dir / chunk.output_file
        reads = InputManifest.load(self._job_dir / manifest_beside(chunk.output_file))
        if reads is None or not output.is_file():
            return _NEW
        if file_digest(output) != reads.output:
            return _DAMAGED
        if reads.hosts:
            return f"reads from {_listed(reads.hosts)}, where anything may have changed"
        names = sorted({*self._versions, *reads.versions})
        newer = [name for name in names if reads.versions.get(name) != self._versions.get(name)]
        if newer:
            return f"{_listed(newer)} changed"
        changes = list(self._changes(reads, _root(chunk, self._job_dir)))
        return _listed(changes) if changes else None

    def _changes(self, reads: InputManifest, root: Path) -> Iterator[str]:
        for name, before in reads.files.items():
            now = self._digest(root, name)
            if now != before:
                change = "is new" if before is None else "is gone" if now is None else "changed"
                yield f"{name} {change}"

    def _digest(self, root: Path, name: str) -> str | None:
        if (root, name) not in self._digests:
            path = locate(root, name)
            self._digests[root, name] = None if path is None else file_digest(path)
        return self._digests[root, name]


def _root(chunk: RenderChunk, job_dir: Path) -> Path:
    """Return the folder of the composition that a chunk's command names."""
    words = parse_command(chunk.command)
    composition = Composition.find(words[2], base=job_dir, root=served_root(words))
    assert composition.root is not None  # noqa: S101 - one at a URL isn't rendered incrementally
    return composition.root


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _range(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
