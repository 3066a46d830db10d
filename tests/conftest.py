"""What tests of several packages stand on."""

from collections.abc import Iterator

import pytest

from sandbox.local_aws import LocalAws, local_aws


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS for the whole session; tests keep apart by the names that they give things."""
    with local_aws(logs=tmp_path_factory.mktemp("lambda-logs")) as started:
        yield started
