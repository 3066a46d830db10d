import errno
from pathlib import Path

import pytest

from helios.errors import DiskFull, HeliosError, OutputUnwritable
from helios.output import check_writable, whole_output, write_failure


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_under_its_name_when_it_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "new" / "folder" / "video.mp4"
    with whole_output(output) as folder:
        (folder / "draft").write_text("x")
        (folder / "whole").write_text("video")
        assert not output.exists()
    assert output.read_text() == "video"
    assert names(output.parent) == ["video.mp4"]


@pytest.mark.parametrize("fault", [RuntimeError("stop"), KeyboardInterrupt()])
def test_work_that_breaks_off_leaves_what_was_there_before(
    tmp_path: Path, fault: BaseException
) -> None:
    output = tmp_path / "video.mp4"
    output.write_text("old")
    with pytest.raises(type(fault)), whole_output(output) as folder:
        (folder / "whole").write_text("half")
        raise fault
    assert (output.read_text(), names(tmp_path)) == ("old", ["video.mp4"])


@pytest.mark.parametrize(
    "output", ["/proc/video.mp4", "/proc/new/video.mp4", "file/video.mp4", "."]
)
def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / output
    with pytest.raises(OutputUnwritable) as caught, whole_output(path):
        pytest.fail("there is nothing to work in")
    assert str(path) in caught.value.message
    with pytest.raises(OutputUnwritable):
        check_writable(path)


def test_looking_whether_an_output_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "video.mp4")
    assert names(tmp_path) == []


def test_a_name_as_long_as_file_systems_allow_works(tmp_path: Path) -> None:
    output = tmp_path / ("ü" * 125 + ".mp4")
    with whole_output(output) as folder:
        (folder / "whole").write_text("video")
    assert output.exists()


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EROFS, OutputUnwritable)],
)
def test_a_full_disk_is_told_apart_from_a_read_only_one(
    number: int, error: type[HeliosError]
) -> None:
    fault = write_failure(OSError(number, "why"), output=Path("v.mp4"))
    assert type(fault) is error
    assert "v.mp4" in fault.message
    assert fault.hint
