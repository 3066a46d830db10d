import asyncio
from pathlib import Path
from typing import Any

import pytest

from helios.contract.invocation import InvocationResponse
from helios.contract.job_spec import JobSpec
from helios.errors import (
    JobSpecInvalid,
    JobSpecNotFound,
    PayloadTooLarge,
    SourceForbidden,
    StorageInvalid,
)
from helios.network.network_policy import NetworkPolicy
from helios.storage import open_storage
from helios.worker.sources.allowed_urls import AllowedUrls
from helios.worker.sources.job_source import JobSource
from tests.helios.network.test_download import Handler, hello, redirecting, serving
from tests.helios.worker_setup import WorkerSetup, make_spec


def source(*prefixes: str, local: bool = False, **options: Any) -> JobSource:
    options.setdefault("network", NetworkPolicy())
    return JobSource(
        allowed=AllowedUrls(prefixes, allow_local=local), storage_opener=open_storage, **options
    )


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "jobs" / "job.json"
    path.parent.mkdir()
    path.write_text(make_spec().to_json())
    return path


@pytest.mark.parametrize("as_url", [False, True])
def test_a_spec_is_loaded_from_a_path(stored: Path, as_url: bool) -> None:
    job = stored.as_uri() if as_url else str(stored)
    spec = asyncio.run(source(str(stored.parent)).load(job))
    assert spec == JobSpec.load(stored)


def test_a_path_that_is_not_allowed_is_not_read(stored: Path) -> None:
    with pytest.raises(SourceForbidden):
        asyncio.run(source("s3://bucket").load(str(stored)))


def test_a_spec_that_is_not_there_is_told_as_such(stored: Path) -> None:
    with pytest.raises(JobSpecNotFound, match=r"other\.json"):
        asyncio.run(source(local=True).load(str(stored.with_name("other.json"))))


def test_a_spec_beyond_the_limit_is_refused(stored: Path) -> None:
    with pytest.raises(PayloadTooLarge):
        asyncio.run(source(local=True, max_bytes=10).load(str(stored)))


def test_what_is_no_spec_is_refused_under_its_name(stored: Path) -> None:
    stored.write_text("[]")
    with pytest.raises(JobSpecInvalid, match=r"job\.json"):
        asyncio.run(source(local=True).load(str(stored)))


def test_a_folder_is_no_spec(stored: Path) -> None:
    with pytest.raises((StorageInvalid, JobSpecNotFound)):
        asyncio.run(source(local=True).load(f"{stored.parent}/"))


def load_from_web(handler: Handler, prefix: str, **options: Any) -> JobSpec:
    async def main() -> JobSpec:
        async with serving(handler) as server:
            network = NetworkPolicy(allow_loopback=True, resolve=server.resolve)
            allowed = prefix.replace("PORT", str(server.port))
            loader = source(allowed, network=network, **options)
            return await loader.load(server.url("/jobs/job.json?signature=secret"))

    return asyncio.run(main())


def test_a_spec_is_loaded_from_a_web_server() -> None:
    from aiohttp import web

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=make_spec().to_json())

    assert load_from_web(answer, "http://public.test:PORT/jobs") == make_spec()


def test_a_web_server_that_is_not_on_the_list_is_not_asked() -> None:
    with pytest.raises(SourceForbidden, match=r"public\.test"):
        load_from_web(hello, "http://other.test:PORT")


def test_a_redirect_that_leaves_the_list_is_not_followed() -> None:
    with pytest.raises(SourceForbidden, match="elsewhere"):
        load_from_web(redirecting("/elsewhere/job.json?hop=1"), "http://public.test:PORT/jobs")


def test_a_fault_in_a_spec_is_told_without_the_urls_signature() -> None:
    with pytest.raises(JobSpecInvalid) as invalid:
        load_from_web(hello, "http://public.test:PORT/jobs")
    assert "secret" not in str(invalid.value)


def test_a_worker_fetches_assets_from_a_web_server(tmp_path: Path) -> None:
    from aiohttp import web

    site = WorkerSetup(tmp_path / "site")
    composition = tmp_path / "page"
    composition.mkdir()
    (composition / "sounds.txt").write_text("from the web")
    packed = site.file(site.upload(composition))

    async def send(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(packed)

    async def main() -> InvocationResponse:
        async with serving(send) as server:
            # A signature follows the name, as in presigned URLs.
            spec = make_spec(
                ["sh -c 'cat composition/sounds.txt; exit 3'"],
                assets_url=server.url(f"/assets/{packed.name}?X-Amz-Signature=secret"),
            )
            job = site.storage.url_of("job.json")
            await site.storage.put_bytes("job.json", spec.to_json().encode())
            site.options.update(
                allowed_sources=(server.url("/assets/"),),
                allow_private_network=True,
                executables=frozenset({"sh"}),
                resolve=server.resolve,
            )
            _, response = await site.runtime.answer({"jobPath": job, "chunkIndex": 0})
            return response

    response = asyncio.run(main())
    assert response.stdout == "from the web", response.stderr
    assert "secret" not in site.log.getvalue()
    site.close()


def test_a_spec_is_checked_once_for_all_its_chunks_unless_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = WorkerSetup(tmp_path)
    parsed = 0
    parse = JobSpec.parse

    def counted(data: bytes | str, *, source: str) -> JobSpec:
        nonlocal parsed
        parsed += 1
        return parse(data, source=source)

    monkeypatch.setattr(JobSpec, "parse", counted)
    spec = make_spec(chunks=3)
    job = site.put(spec)
    for number in (0, 1, 2):
        assert site.chunk(job, number).exit_code == 0
    assert parsed == 1
    other = make_spec(chunks=4)
    assert site.put(other) == job
    assert site.chunk(job, 3).exit_code == 0
    assert parsed == 2
