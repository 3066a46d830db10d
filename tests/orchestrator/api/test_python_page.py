"""The examples of docs/python.md run as written; those of the cloud in tests/helios_infra."""

from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.api.python_page import examples, run
from tests.orchestrator.conftest import PAGE

#: Runs against the sandbox's AWS.
CLOUD = "In the cloud"


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_examples_run_in_the_order_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PAGE.format(declared=' data-duration="0.4"', more="")
    (tmp_path / "promo").mkdir()
    (tmp_path / "promo/index.html").write_text(page, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HELIOS_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    names: dict[str, Any] = {}
    for section, blocks in examples().items():
        if section != CLOUD:
            run(blocks, names)

    videos = ["copy", "later", "one", "out", "shown", "square", "two"]
    assert [path.stem for path in sorted(tmp_path.glob("*.mp4"))] == videos
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'out.mp4'} 12 0.4 1920 1080" in printed
    assert "OPTION_INVALID `chunks` 0: is less than 1" in printed
    assert "10/10" in printed


def test_every_example_is_run_by_some_test() -> None:
    assert set(examples()) == {
        *("One render", "Progress", "Errors", "Jobs", "In an event loop"),
        CLOUD,
    }
