"""Records what a composition's browsers read: files by digest, and hosts."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from helios.network.network_policy import NetworkPolicy, system_addresses
from helios.records.input_manifest import InputManifest, file_digest
from helios.renderer.versions import renderer_versions

#: What of a file tells that it was written, without reading it.
_State = tuple[int, int, int, int]


class ReadLog:
    """What was read since the log was begun, also by inner frames and web workers.

    Attributes
    ----------
    hosts:
        Hosts of the network that were asked for something.
    """

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self._files: dict[str, tuple[Path | None, _State | None]] = {}
        self._changed: set[str] = set()

    def note_file(self, name: str, path: Path | None) -> None:
        """Note that a file was asked for; `path` is None if there is none by that name."""
        found = (path, _state(path))
        if self._files.setdefault(name, found) != found:
            self._changed.add(name)

    def policy(self) -> NetworkPolicy:
        """Return a policy that allows the network, and notes which hosts are asked for."""

        async def note_host(host: str, port: int) -> Sequence[str]:
            self.hosts.add(host)
            return await system_addresses(host, port)

        return NetworkPolicy(allow_private=True, allow_loopback=True, resolve=note_host)

    async def reads_for(self, output: Path) -> InputManifest:
        """Return what was read for an output, which is there by now."""
        return InputManifest(
            output=await asyncio.to_thread(file_digest, output),
            versions=await asyncio.to_thread(renderer_versions),
            files=await asyncio.to_thread(self._digests),
            hosts=sorted(self.hosts),
        )

    def _digests(self) -> dict[str, str | None]:
        return {name: self._digest(name) for name in sorted(self._files)}

    def _digest(self, name: str) -> str | None:
        path, state = self._files[name]
        if name in self._changed:
            return ""
        if path is None:
            return None
        try:
            digest = file_digest(path)
        except OSError:
            return ""
        # Only now it's certain that these bytes are those that were served.
        return digest if _state(path) == state else ""


def _state(path: Path | None) -> _State | None:
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return found and (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
