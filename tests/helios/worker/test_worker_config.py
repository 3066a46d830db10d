import re
import tempfile
from pathlib import Path

import pytest

from helios.errors import OptionInvalid
from helios.process.render_executor import DEFAULT_EXECUTABLES
from helios.worker.worker_config import DEFAULT_ASSET_CACHE_BYTES, WorkerConfig

ROOT = Path(__file__).parents[3]


def test_nothing_needs_to_be_set() -> None:
    config = WorkerConfig.from_env({})
    assert config == WorkerConfig(platform={"platform": "local"})
    assert config.artifacts is None
    assert config.allowed_sources == ()
    assert config.executables == DEFAULT_EXECUTABLES
    assert config.workspace == Path(tempfile.gettempdir())
    assert config.asset_cache_bytes == DEFAULT_ASSET_CACHE_BYTES
    assert config.concurrency == 1


def test_everything_can_be_set() -> None:
    config = WorkerConfig.from_env(
        {
            "HELIOS_ARTIFACTS": "s3://bucket/helios",
            "HELIOS_ALLOWED_SOURCES": "https://example.com/jobs, gs://other ,",
            "HELIOS_ALLOW_LOCAL": "1",
            "HELIOS_ALLOW_PRIVATE_NETWORK": "true",
            "HELIOS_ALLOWED_HOSTS": "cdn.test,*.fonts.test",
            "HELIOS_EXECUTABLES": "helios,ffmpeg",
            "HELIOS_WORKSPACE": "/mnt/scratch",
            "HELIOS_ASSET_CACHE_BYTES": "1000",
            "HELIOS_CHUNK_TIMEOUT": "12.5",
            "HELIOS_MERGE_BYTES": "1000",
            "HELIOS_CONCURRENCY": "2",
            "HELIOS_AUDIENCE": "https://worker.test",
        }
    )
    assert config == WorkerConfig(
        artifacts="s3://bucket/helios",
        allowed_sources=("https://example.com/jobs", "gs://other"),
        allow_local=True,
        allow_private_network=True,
        allowed_hosts=("cdn.test", "*.fonts.test"),
        executables=frozenset({"helios", "ffmpeg"}),
        workspace=Path("/mnt/scratch"),
        asset_cache_bytes=1000,
        chunk_timeout=12.5,
        merge_bytes=1000,
        concurrency=2,
        audience=("https://worker.test",),
        platform={"platform": "local"},
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HELIOS_ALLOW_LOCAL", "maybe"),
        ("HELIOS_ALLOW_PRIVATE_NETWORK", "2"),
        ("HELIOS_WORKSPACE", "relative/folder"),
        ("HELIOS_ASSET_CACHE_BYTES", "1 GB"),
        ("HELIOS_ASSET_CACHE_BYTES", "-1"),
        ("HELIOS_CHUNK_TIMEOUT", "0"),
        ("HELIOS_CHUNK_TIMEOUT", "soon"),
        ("HELIOS_CHUNK_TIMEOUT", "inf"),
        ("HELIOS_CHUNK_TIMEOUT", "nan"),
        ("HELIOS_MERGE_BYTES", "-1"),
        ("HELIOS_MERGE_BYTES", "much"),
        ("HELIOS_CONCURRENCY", "0"),
        ("HELIOS_CONCURRENCY", "1.5"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_it(variable: str, value: str) -> None:
    with pytest.raises(OptionInvalid, match=re.escape(f"{variable}: {value!r}")):
        WorkerConfig.from_env({variable: value})


def test_no_host_at_all_can_be_allowed() -> None:
    assert WorkerConfig.from_env({"HELIOS_ALLOWED_HOSTS": "none"}).allowed_hosts == ()


def test_a_worker_reports_its_platform() -> None:
    lambda_ = WorkerConfig.from_env(
        {
            "AWS_LAMBDA_FUNCTION_NAME": "helios-chunk",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
            "AWS_REGION": "eu-central-1",
        }
    )
    assert lambda_.platform == {
        "platform": "lambda",
        "function": "helios-chunk",
        "region": "eu-central-1",
        "memoryMb": 3008,
    }
    service = WorkerConfig.from_env({"K_SERVICE": "helios", "K_REVISION": "helios-00001"})
    assert service.platform == {
        "platform": "cloudrun",
        "service": "helios",
        "version": "helios-00001",
    }


def test_the_documentation_names_every_variable() -> None:
    files = ("helios/worker/worker_config.py", "worker_cloudrun/service_config.py")
    source = "".join((ROOT / file).read_text() for file in files)
    page = (ROOT / "docs" / "worker.md").read_text()
    variables = set(re.findall(r'"(HELIOS_[A-Z_]+)"', source))
    assert len(variables) == 19
    assert [name for name in variables if f"`{name}`" not in page] == []
