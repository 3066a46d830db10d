"""Records the inputs of a render: the files read, by digest, and the hosts contacted."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from helios.network.network_policy import NetworkPolicy, system_addresses
from helios.records.input_manifest import InputManifest, file_digest
from helios.renderer.versions import renderer_versions

#: Inode, size, modification and change time: equal while a file isn't written to.
_State = tuple[int, int, int, int]


class InputRecorder:
    """Files and hosts requested by the pages of a render, their inner frames and web workers."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self._files: dict[str, tuple[Path | None, _State | None]] = {}
        self._changed: set[str] = set()

    def record_file(self, name: str, path: Path | None) -> None:
        """Record a request for a file; `path` is None if there is none of that name."""
        found = (path, _state(path))
        if self._files.setdefault(name, found) != found:
            self._changed.add(name)

    def policy(self) -> NetworkPolicy:
        """Return a policy that allows all network access and records the hosts."""

        async def record_host(host: str, port: int) -> Sequence[str]:
            self.hosts.add(host)
            return await system_addresses(host, port)

        return NetworkPolicy(allow_private=True, allow_loopback=True, resolve=record_host)

    async def manifest(self, output: Path) -> InputManifest:
        """Return the manifest of an output that exists."""
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
        # An unchanged state means that these bytes are the ones that were served.
        return digest if _state(path) == state else ""


def _state(path: Path | None) -> _State | None:
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return found and (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
