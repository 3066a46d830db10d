"""What travels with a job to workers elsewhere, and what its commands call it there."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helios.assets import pack_assets, unpack_assets
from helios.contract.command import format_command, parse_command
from helios.contract.job_spec import JobSpec
from helios.errors import CompositionNotFound, JobSpecInvalid
from orchestrator.delivery.packaging import (
    PackagedJob,
    link_composition,
    merge_needs_assets,
    name_in_assets,
    package_job,
)
from orchestrator.planning.chunk_sizes import ChunkSizes
from orchestrator.planning.planner import plan
from orchestrator.planning.render_options import RenderOptions

DATA = Path(__file__).parents[2] / "data"


def a_page(folder: Path, name: str = "index.html") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("<!doctype html>")
    return folder / name


def planned(
    source: Path | str, job_dir: Path, composition_id: str | None = None, **options: Any
) -> JobSpec:
    return plan(
        str(source),
        "video.mp4",
        frame_count=90,
        options=RenderOptions(composition_id=composition_id),
        sizes=ChunkSizes(chunks=2),
        job_dir=job_dir,
        **options,
    )


def inputs(spec: JobSpec) -> set[str]:
    names = {parse_command(chunk.command)[2] for chunk in spec.chunks}
    merge = parse_command(spec.merge_command)
    if "--audio-from" in merge:
        names.add(merge[merge.index("--audio-from") + 1])
    return names


def packed_names(job: PackagedJob, folder: Path) -> list[str]:
    assert job.folder is not None
    archive = folder / "assets.tar.zst"
    packed = pack_assets(job.folder, archive, leave_out=job.leave_out, only=job.only)
    shutil.rmtree(folder / "unpacked", ignore_errors=True)
    unpack_assets(archive, folder / "unpacked", sha256=packed.sha256)
    files = [path for path in (folder / "unpacked").rglob("*") if path.is_file()]
    return sorted(path.relative_to(folder / "unpacked").as_posix() for path in files)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("page", "composition"),
        ("page/index.html", "composition"),
        ("page/other one.html", "composition/other one.html"),
    ],
)
def test_a_planned_job_takes_its_compositions_folder_along(
    tmp_path: Path, source: str, name: str
) -> None:
    a_page(tmp_path / "page")
    a_page(tmp_path / "page", "other one.html")
    job_dir = tmp_path / "out/video.mp4.job"
    job_dir.mkdir(parents=True)
    spec = planned(tmp_path / source, job_dir)
    job = package_job(spec, job_dir)
    assert job.folder == tmp_path / "page"
    assert inputs(job.spec) == {name}
    assert name_in_assets(str(tmp_path / source)) == name
    # Nothing else changes.
    for before, after in zip(spec.chunks, job.spec.chunks, strict=True):
        words = parse_command(before.command)
        words[2] = name
        assert after.command == format_command(words)


def test_a_file_that_is_no_page_is_packed_without_its_folder(tmp_path: Path) -> None:
    a_page(tmp_path / "page")
    (tmp_path / "page/secrets").mkdir()
    (tmp_path / "page/secrets/key").write_text("secret")
    pictures = [Image.new("L", (8, 8), level) for level in (0, 200)]
    pictures[0].save(
        tmp_path / "page/a.gif", save_all=True, append_images=pictures[1:], duration=100
    )
    job_dir = tmp_path / "job"
    job_dir.mkdir()
    job = package_job(planned(tmp_path / "page/a.gif", job_dir), job_dir)
    assert inputs(job.spec) == {"composition/a.gif"}
    assert packed_names(job, tmp_path) == ["composition/a.gif"]


def test_what_the_chosen_animation_of_an_archive_names_is_packed(tmp_path: Path) -> None:
    animation = {"fr": 24, "ip": 0, "op": 48, "w": 64, "h": 48, "layers": []}
    with zipfile.ZipFile(tmp_path / "a.lottie", "w") as archive:
        archive.writestr("manifest.json", '{"animations": [{"id": "one"}, {"id": "two"}]}')
        archive.writestr("animations/one.json", json.dumps(animation))
        named = {**animation, "assets": [{"id": "a", "u": "images/", "p": "a.png"}]}
        archive.writestr("animations/two.json", json.dumps(named))
    spec = planned(tmp_path / "a.lottie", tmp_path, composition_id="two")
    assert package_job(spec, tmp_path).only == frozenset({"a.lottie", "images/a.png"})


def test_a_job_that_is_planned_to_travel_stays_as_it_is_and_runs_here_as_well(
    tmp_path: Path,
) -> None:
    page = a_page(tmp_path / "page", "a.html")
    job_dir = tmp_path / "job"
    job_dir.mkdir()
    link_composition(str(page), job_dir)
    link_composition(str(page), job_dir)
    spec = planned(page, job_dir, input_name=name_in_assets(str(page)))
    job = package_job(spec, job_dir)
    assert job.spec == spec
    assert job.folder == tmp_path / "page"
    assert (job_dir / parse_command(spec.chunks[0].command)[2]).read_text() == page.read_text()


def test_what_the_job_makes_in_the_compositions_folder_stays_out(tmp_path: Path) -> None:
    page = a_page(tmp_path)
    spec = planned(page, tmp_path)
    job_file = tmp_path / "job.json"
    for name in ("job.json", "video.mp4", "other.mp4", "chunks/00000.mp4", "v.mp4.job/job.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    job = package_job(spec, tmp_path, own_files=[job_file, tmp_path / "v.mp4.job", tmp_path])
    assert packed_names(job, tmp_path.parent) == [
        "composition/index.html",
        "composition/other.mp4",
    ]


def test_a_job_by_the_helios_cli_takes_the_folder_beside_it_along(tmp_path: Path) -> None:
    shutil.copy(DATA / "job_specs/three_chunks.json", tmp_path / "job.json")
    a_page(tmp_path / "composition")
    job = package_job(JobSpec.load(tmp_path / "job.json"), tmp_path)
    assert job.folder == tmp_path / "composition"


def test_compositions_in_several_folders_travel_with_the_folder_of_the_job(tmp_path: Path) -> None:
    for name in ("one", "other"):
        a_page(tmp_path / name)
    spec = planned(tmp_path / "one", tmp_path)
    first, second = spec.chunks
    second = second.model_copy(update={"command": second.command.replace(" one ", " other ")})
    spec = spec.model_copy(update={"chunks": [first, second]})
    job = package_job(spec, tmp_path, own_files=[tmp_path / "job.json"])
    assert job.folder == tmp_path
    assert inputs(job.spec) == {"composition/one", "composition/other"}
    with pytest.raises(JobSpecInvalid, match="several folders") as caught:
        package_job(_moved(spec), tmp_path / "one")
    assert len(caught.value.details) == 2


def _moved(spec: JobSpec) -> JobSpec:
    """Return the same job for a folder one step deeper."""
    chunks = []
    for chunk in spec.chunks:
        words = parse_command(chunk.command)
        words[2] = f"../{words[2]}"
        chunks.append(chunk.model_copy(update={"command": format_command(words)}))
    merge = spec.merge_command.replace("--audio-from one", "--audio-from ../one")
    return spec.model_copy(update={"chunks": chunks, "merge_command": merge})


def test_urls_and_assets_that_are_stored_already_need_nothing_of_this_machine(
    tmp_path: Path,
) -> None:
    by_url = planned("https://example.com/page", tmp_path)
    assert package_job(by_url, tmp_path) == PackagedJob(by_url, None)
    assert name_in_assets("https://example.com/page") == "https://example.com/page"
    stored = planned(tmp_path / "nowhere", tmp_path).model_copy(
        update={"assets_url": "s3://b/assets/x"}
    )
    assert package_job(stored, tmp_path) == PackagedJob(stored, None)
    assert merge_needs_assets(stored, tmp_path)
    a_page(tmp_path / "nowhere")
    assert not merge_needs_assets(stored, tmp_path)


def test_commands_of_other_programs_stay_as_they_are(tmp_path: Path) -> None:
    facts = {"totalFrames": 1, "fps": 30, "width": 2, "height": 2, "duration": 1 / 30}
    chunk = {"id": 0, "startFrame": 0, "frameCount": 1, "outputFile": "a.mp4"}
    value = {
        "metadata": facts,
        "chunks": [{**chunk, "command": "ffmpeg -i input.mp4 a.mp4"}],
        "mergeCommand": "helios merge v.mp4 a.mp4",
    }
    spec = JobSpec.parse(json.dumps(value))
    assert package_job(spec, tmp_path) == PackagedJob(spec, None)


def test_a_composition_that_isnt_there_is_refused(tmp_path: Path) -> None:
    spec = planned(tmp_path / "nowhere", tmp_path)
    with pytest.raises(CompositionNotFound, match="nowhere"):
        package_job(spec, tmp_path)


def test_a_command_that_doesnt_begin_with_its_composition_is_refused(tmp_path: Path) -> None:
    a_page(tmp_path / "page")
    spec = planned(tmp_path / "page", tmp_path)
    command = spec.chunks[0].command.replace("helios render page", "helios render --seed 1 page")
    changed = spec.chunks[0].model_copy(update={"command": command})
    spec = spec.model_copy(update={"chunks": [changed, spec.chunks[1]]})
    with pytest.raises(JobSpecInvalid, match="doesn't begin with its composition"):
        package_job(spec, tmp_path)
