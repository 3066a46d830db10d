"""Where results go: what is a path, what is storage, and what is refused."""

from pathlib import Path

import pytest

from helios.errors import OptionInvalid, StorageInvalid
from orchestrator.delivery.destination import Destination


@pytest.mark.parametrize("text", ["video.mp4", "a/b.mov", "/tmp/v.mp4", "s3", "gs:/x/v.mp4"])
def test_what_names_no_storage_is_a_path(text: str) -> None:
    assert Destination.of(text) == Destination(path=Path(text))


@pytest.mark.parametrize("text", ["s3://bucket/a/v.mp4", "gs://bucket/v.mp4"])
def test_a_url_of_a_storage_names_an_object(text: str) -> None:
    destination = Destination.of(text)
    assert (destination.url, destination.path, str(destination)) == (text, None, text)
    assert destination.name == "v.mp4"
    assert destination.job_dir == Path("v.mp4.job")


@pytest.mark.parametrize("text", ["s3://bucket", "s3://bucket/", "gs://x", "s3://b u/v.mp4"])
def test_a_url_that_names_no_object_is_refused(text: str) -> None:
    with pytest.raises(StorageInvalid):
        Destination.of(text)


def test_a_folder_of_images_stays_on_this_machine() -> None:
    with pytest.raises(OptionInvalid, match="a sequence of images goes to a folder"):
        Destination.of("s3://bucket/frames").check(images=True)


def test_a_path_without_a_name_has_no_job_folder() -> None:
    with pytest.raises(OptionInvalid, match="names no file"):
        _ = Destination.of("..").job_dir
    assert Destination.of("out/v.mp4").job_dir == Path("out/v.mp4.job")
