"""Copies a finished output to another place, on this machine or in storage."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from helios.contract.artifact import Artifact
from helios.errors import ArtifactNotFound, OptionInvalid
from helios.output import whole_output, write_failure
from helios.storage import is_storage_url, split_url
from orchestrator.delivery.deliver import deliver
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores
from orchestrator.planning.output_kinds import is_playlist


async def copy_output(made: str, target: Destination, stores: Stores) -> None:
    """Copy a video, or a folder of images of this machine, by its path or URL.

    Raises:
        ArtifactNotFound: It is gone.
        OptionInvalid: It is a playlist, whose segments are other files.
        HeliosError: It can't be read or written.
    """
    if is_storage_url(made):
        base, key = split_url(made)
        stored = await stores.at(base).stat(key)
        if stored is None:
            raise ArtifactNotFound(f"{made}: there is no such object")
        artifact = Artifact(url=made, bytes=stored.bytes, sha256=stored.sha256)
        if target.url is not None:
            await stores.copy(artifact, target.url)
            return
        with whole_output(Path(str(target))) as folder:
            await stores.fetch(artifact, folder / "whole")
        return
    source = Path(made)
    if is_playlist(made):
        raise OptionInvalid(
            f"{made}: a playlist can't be copied",
            hint=f"Copy the playlist together with its folder {source.stem}.hls.",
        )
    if not await asyncio.to_thread(source.exists):
        raise ArtifactNotFound(f"{made}: is gone since it was made")
    if target.url is not None:
        await stores.store(source, target.url)
    else:
        await asyncio.to_thread(_copy_here, source, Path(str(target)))


def _copy_here(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".helios-") as folder:
                deliver(Path(shutil.copytree(source, Path(folder, "whole"))), target)
            return
        with whole_output(target) as folder:
            shutil.copyfile(source, folder / "whole")
    except OSError as fault:
        raise write_failure(fault, output=target) from fault
