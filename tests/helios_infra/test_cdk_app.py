"""An app of the CDK that isn't this project's: from the built wheel alone, and rendering."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.deploy import local_deployment
from sandbox.aws.local_aws import LocalAws
from tests.orchestrator.cloud_sites import frame_hashes
from tests.orchestrator.conftest import Bench

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/cdk_app"

pytestmark = [
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not shutil.which("npm"), reason="the CDK needs Node.js and npm"),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel in an environment of its own, and return its Python."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{wheel}[infra]"], check=True, capture_output=True)
    return python


def synthesised(python: Path, folder: Path) -> dict[str, Any]:
    """Run a copy of the example, and return its template."""
    shutil.copytree(EXAMPLE, folder / "app")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"CDK_OUTDIR": str(folder / "cdk.out"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([str(python), "app.py"], cwd=folder / "app", env=env, check=True)
    template: dict[str, Any] = json.loads((folder / "cdk.out/Studio.template.json").read_text())
    return template


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(listed.stdout.splitlines())


def test_the_wheel_alone_synthesises_the_app_with_all_that_the_image_is_built_from(
    installed: Path, tmp_path: Path
) -> None:
    template = synthesised(installed, tmp_path)

    kinds = [resource["Type"] for resource in template["Resources"].values()]
    assert kinds.count("AWS::S3::Bucket") == kinds.count("AWS::KMS::Key") == 1
    assert "AWS::StepFunctions::StateMachine" in kinds
    assets = [path for path in (tmp_path / "cdk.out").glob("asset.*") if path.is_dir()]
    assert len(assets) == 2  # of the workers, and of the recorder
    for asset in assets:
        staged = {str(path.relative_to(asset)) for path in asset.rglob("*") if path.is_file()}
        assert staged == tracked("helios", "worker_lambda")
    program = (
        "from helios_infra.provisioner_bundle import REQUIREMENTS, ProvisionerBundle;"
        "from pathlib import Path; ProvisionerBundle(python='3.14').copy_sources(Path('bundle'));"
        "print(REQUIREMENTS.is_file())"
    )
    run = [str(installed), "-c", program]
    told = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "True"
    assert (tmp_path / "bundle/helios_infra/cloud_run/resources/service.py").is_file()


def test_a_bucket_of_the_app_gets_the_lifecycle_and_the_tags_of_the_renderer_stay_its_own(
    tmp_path: Path,
) -> None:
    resources = synthesised(Path(sys.executable), tmp_path)["Resources"].values()

    (bucket,) = (each["Properties"] for each in resources if each["Type"] == "AWS::S3::Bucket")
    ids = {rule["Id"] for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert ids == {"unfinished-uploads", "intermediates", "map-runs", "assets"}
    tags = {tag["Key"]: tag["Value"] for tag in bucket["Tags"]}
    assert tags == {"team": "video"}
    functions = [
        each["Properties"] for each in resources if each["Type"] == "AWS::Lambda::Function"
    ]
    own = {"helios:stack": "Studio", "team": "video"}
    assert functions
    for function in functions:
        assert own.items() <= {tag["Key"]: tag["Value"] for tag in function["Tags"]}.items()


def test_the_app_renders_in_the_cloud_what_is_rendered_here(aws: LocalAws, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.page("film/index.html")
    env = {
        **aws.variables,
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "HELIOS_STACK": "Studio",
    }
    same = ("--width", 160, "--height", 90, "--chunks", 2)
    context = {"helios:stackName": "Studio"}
    with local_deployment(aws, context=context, app=EXAMPLE / "app.py") as stack:
        assert "films" in stack.bucket
        start = ("render", "film", "-o", "cloud.mp4", "--detach", "--request-id", "own-app")
        for command in (
            (*start, *same),
            ("watch", "own-app", "--interval", 0.5),
            ("fetch", "own-app", "-o", "cloud.mp4"),
        ):
            done = bench.run(*command, env=env)
            assert done.status == 0, done.stderr
    here = bench.run("render", "film", "-o", "here.mp4", *same)
    assert here.status == 0, here.stderr
    assert frame_hashes(bench.folder / "cloud.mp4") == frame_hashes(bench.folder / "here.mp4")
