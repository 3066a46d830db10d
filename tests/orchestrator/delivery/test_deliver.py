import shutil
from pathlib import Path

import pytest

from helios.errors import OptionInvalid, OutputUnwritable
from orchestrator.delivery.deliver import check_destination, deliver


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_video_moves_to_where_it_is_wanted_and_replaces_what_was_there(tmp_path: Path) -> None:
    made = tmp_path / "job" / "video.mp4"
    made.parent.mkdir()
    for text in ("first", "second"):
        made.write_text(text)
        assert deliver(made, tmp_path / "new/out.mp4") == tmp_path / "new/out.mp4"
        assert (tmp_path / "new/out.mp4").read_text() == text
    assert names(tmp_path / "new") == ["out.mp4"]


def test_a_video_on_another_disk_appears_only_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "video.mp4"
    made.write_text("video")

    def half_a_copy(source: Path, target: Path) -> None:
        target.write_text("vid")
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "move", half_a_copy)
    with pytest.raises(OutputUnwritable):
        deliver(made, tmp_path / "out/out.mp4")
    assert names(tmp_path / "out") == []


def test_a_video_that_is_where_it_is_wanted_stays(tmp_path: Path) -> None:
    made = tmp_path / "video.mp4"
    made.write_text("video")
    (tmp_path / "x").mkdir()
    assert deliver(made, tmp_path / "x" / ".." / "video.mp4").read_text() == "video"


def test_images_move_into_the_folder_that_is_asked_for(tmp_path: Path) -> None:
    for output in ("frames", "numbered/%02d.png"):
        made = tmp_path / "images"
        made.mkdir()
        (made / "01.png").touch()
        deliver(made, tmp_path / output)
        assert not made.exists()
    assert names(tmp_path / "frames") == names(tmp_path / "numbered") == ["01.png"]


@pytest.mark.parametrize("output", ["", "..", "/"])
def test_an_output_that_names_no_file_is_refused(output: str) -> None:
    with pytest.raises(OptionInvalid, match="names no file"):
        check_destination(Path(output), images=False)


def test_a_destination_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for output, images in (
        (Path("/proc/video.mp4"), False),
        (Path("/proc/frames"), True),
        (tmp_path / "file/video.mp4", False),
        (tmp_path, False),
    ):
        with pytest.raises(OutputUnwritable):
            check_destination(output, images=images)
    with pytest.raises(OptionInvalid):
        check_destination(tmp_path / "file", images=True)


def test_checking_a_destination_leaves_nothing_there(tmp_path: Path) -> None:
    check_destination(tmp_path / "video.mp4", images=False)
    check_destination(tmp_path / "frames", images=True)
    check_destination(tmp_path, images=True)
    assert names(tmp_path) == []
