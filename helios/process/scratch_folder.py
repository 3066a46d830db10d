"""Temporary folders of commands."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from helios.concurrency import finish_despite_cancel

#: Environment variable with the folder for files that outlive a command: converted videos.
CACHE_VARIABLE = "HELIOS_MEDIA_CACHE"


@asynccontextmanager
async def scratch_folder(parent: Path | None) -> AsyncIterator[str]:
    """Yield a new temporary folder in `parent`, by default the system's; remove it afterwards."""
    folder = tempfile.mkdtemp(prefix="helios-", dir=parent)
    try:
        yield folder
    finally:
        try:
            # Most commands leave their folder empty; removing it needs no thread.
            os.rmdir(folder)  # noqa: PTH106
        except OSError:
            removal = asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            await finish_despite_cancel(removal)
