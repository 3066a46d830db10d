from pathlib import Path

from orchestrator.job_repository import (
    FileJobRepository,
    MemoryJobRepository,
    StorageJobRepository,
)
from orchestrator.job_repository.opening import default_folder, open_repository

from .jobs import a_job


async def test_a_folder_an_url_and_none_are_told_apart(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    async with open_repository("~/jobs", env) as folder:
        assert isinstance(folder, FileJobRepository)
        assert folder._folder == Path.home() / "jobs"
    async with open_repository("none", env) as memory:
        assert isinstance(memory, MemoryJobRepository)
    async with open_repository("s3://bucket/team", env) as shared:
        assert isinstance(shared, StorageJobRepository)
    assert (tmp_path / "helios").is_dir()


async def test_what_one_command_keeps_another_one_finds(tmp_path: Path) -> None:
    async with open_repository(str(tmp_path / "jobs"), {}) as one:
        await one.create(a_job())
    async with open_repository(str(tmp_path / "jobs"), {}) as other:
        assert (await other.get("job")).id == "job"


def test_jobs_are_kept_where_the_state_of_a_users_programs_goes() -> None:
    assert default_folder({"XDG_STATE_HOME": "/state"}) == Path("/state/helios/jobs")
    usual = Path.home() / ".local/state/helios/jobs"
    assert default_folder({}) == default_folder({"XDG_STATE_HOME": "relative"}) == usual
