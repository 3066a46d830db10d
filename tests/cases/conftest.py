import asyncio
from collections.abc import Iterator

import pytest

from tests.cases.libraries import Libraries
from tests.cases.media import MediaFolder
from tests.cases.theatre import Theatre
from tests.helios.renderer.conftest import Studio

# Checks stand beside their pages, in modules that aren't test modules.
pytest.register_assert_rewrite(
    *(
        f"tests.cases.{name}"
        for name in (
            *(
                "audio",
                "films",
                "helios",
                "hyperframes",
                "images",
                "library_pages",
                "lottie",
                "motion",
                "readiness",
                "remotion",
            ),
        )
    )
)


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    media = MediaFolder(tmp_path_factory.mktemp("media"))
    with asyncio.Runner() as runner:
        studio = Studio(runner, tmp_path_factory.mktemp("cases"))
        try:
            yield Theatre(studio, media, Libraries())
        finally:
            studio.close()
