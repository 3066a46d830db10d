"""The bundle of the function that deploys to Cloud Run; test_custom_resource.py runs it whole."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from helios_infra.provisioner_bundle import ProvisionerBundle

pytestmark = pytest.mark.slow

#: Imports the handler with the packages of this environment, but with no module of this project's
#: that isn't in the bundle.
PROGRAM = "import sys; sys.path[:0] = sys.argv[1:]; import helios_infra.cloud_run.custom_resource"


def test_the_bundle_has_every_module_of_the_project_that_its_function_imports(
    tmp_path: Path,
) -> None:
    ProvisionerBundle(python="3.14").copy_sources(tmp_path)
    packages = sysconfig.get_path("purelib")
    command = [sys.executable, "-S", "-c", PROGRAM, str(tmp_path), packages]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
