"""Joining inside of real object stores, with the bytes counted that pass through here."""

import asyncio
import contextlib
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.errors import SeamBroken, StitchFailed
from helios.records.chunk_record import ChunkRecord
from helios.stitcher import FfmpegStitcher
from helios.stitcher.chunk_check import check_chunk_outputs
from helios.stitcher.seam_check import check_seams
from helios.stitcher.storage_stitcher import check_in_storage, fault_of, stitch_in_storage
from helios.storage import open_storage
from sandbox.storage.object_stores import ObjectStore, create_bucket, gcs_server, s3_server
from tests.helios.frame_hashes import frame_hashes
from tests.players import shown_in_browser
from tests.sampling import sampled

from .test_seam_check import H264, encode

FRAMES = 2
KINDS = 4
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("object_stores")]


@dataclass
class Counter:
    """A proxy before a server, which counts requests and what the server sends."""

    target: tuple[str, int]
    received: int = 0
    requests: int = 0
    _server: socket.socket = field(default_factory=socket.socket)

    def __post_init__(self) -> None:
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(64)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(self.target)
                for source, sink, counts in ((client, server, False), (server, client, True)):
                    threading.Thread(
                        target=self._pump, args=(source, sink, counts), daemon=True
                    ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.received += len(data) if counts else 0
                self.requests += 0 if counts else data.count(b" HTTP/1.1\r\n")
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module", params=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    with s3_server() if request.param == "s3" else gcs_server() as server:
        yield server


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Some chunks of noise, each of a size that shows if it passes through here."""
    folder = tmp_path_factory.mktemp("pictures")
    coding = f"{H264} -qp 1"
    return [
        encode(folder / f"{n}.mp4", n, n + FRAMES, coding=coding, then="noise=alls=90:allf=t")
        for n in range(KINDS)
    ]


def make_spec(chunks: int, **fields: object) -> JobSpec:
    total = chunks * FRAMES
    return JobSpec.model_validate(
        {
            "metadata": JobMetadata(
                total_frames=total, fps=30, width=160, height=90, duration=total / 30
            ),
            "chunks": [
                RenderChunk(
                    id=n,
                    start_frame=n * FRAMES,
                    frame_count=FRAMES,
                    output_file=f"c{n}.mp4",
                    command="true",
                )
                for n in range(chunks)
            ],
            "mergeCommand": "",
            **fields,
        }
    )


def records_of(spec: JobSpec, pictures: list[Path]) -> list[ChunkRecord]:
    folder = pictures[0].parent
    kinds = make_spec(KINDS)
    for chunk, path in zip(kinds.chunks, pictures, strict=True):
        (folder / chunk.output_file).write_bytes(path.read_bytes())
    ends = asyncio.run(check_chunk_outputs(kinds, folder))
    return [
        ChunkRecord.model_validate(
            {
                "artifact": {
                    "url": "s3://b/c",
                    "bytes": pictures[chunk.id % KINDS].stat().st_size,
                },
                "startedAt": "2026-01-01T00:00:00Z",
                "chunkId": chunk.id,
                "key": "k",
                "startFrame": chunk.start_frame,
                "frameCount": FRAMES,
                "frames": FRAMES,
                "ends": ends[chunk.id % KINDS],
            }
        )
        for chunk in spec.chunks
    ]


def through(env: Mapping[str, str], endpoint: str, counter: Counter) -> dict[str, str]:
    return {
        name: value.replace(endpoint, f"http://127.0.0.1:{counter.port}")
        for name, value in env.items()
    }


@pytest.mark.parametrize(
    "count", [*sampled([35, 200], [35]), pytest.param(2_000, marks=pytest.mark.proof)]
)
def test_chunks_are_joined_inside_the_storage(
    store: ObjectStore, pictures: list[Path], tmp_path: Path, count: int
) -> None:
    count = count // 3 if count < 200 and "AWS_REGION" in store.env else count
    spec = make_spec(count)
    records = records_of(spec, pictures)
    keys = [f"chunks/{n}.mp4" for n in range(count)]
    bucket = f"bucket-{secrets.token_hex(6)}"
    create_bucket(store, bucket)
    scheme = "s3" if "AWS_REGION" in store.env else "gs"
    where = urlsplit(store.endpoint)
    counter = Counter((where.hostname or "", where.port or 0))

    async def work() -> int:
        here = open_storage(f"{scheme}://{bucket}/job", env=store.env)
        for n, key in enumerate(keys[:KINDS]):
            await here.put_file(key, pictures[n])
        copies = (here.copy(keys[n % KINDS], keys[n]) for n in range(KINDS, count))
        await asyncio.gather(*copies)
        counted = open_storage(
            f"{scheme}://{bucket}/job", env=through(store.env, store.endpoint, counter)
        )
        began = time.perf_counter()
        video = await stitch_in_storage(counted, records, keys, output="output/video.mp4")
        passed, seconds = counter.received, time.perf_counter() - began
        print(f"{scheme}, {count} chunks: {counter.requests} requests, {seconds:.1f} s")
        assert counter.requests < 4 * count
        await here.get_file("output/video.mp4", tmp_path / "video.mp4")
        assert {found.key for found in await here.list()} == {*keys, "output/video.mp4"}
        # These servers read the whole video for each part of it.
        if count < 2_000:
            report = await check_in_storage(counted, video, "output/video.mp4", spec, records)
            assert report.compared == count - 1
            swapped = [records[1], records[0], *records[2:]]
            with pytest.raises(SeamBroken, match="its first frames"):
                wrong = [r.model_copy(update={"chunk_id": n}) for n, r in enumerate(swapped)]
                await check_in_storage(counted, video, "output/video.mp4", spec, wrong)
        await counted.close()
        await here.close()
        return passed

    passed = asyncio.run(work())
    counter.close()
    media = sum(record.artifact.bytes or 0 for record in records)
    smallest = min(path.stat().st_size for path in pictures)
    if scheme == "s3":
        # S3 itself copies nothing below 5 MiB: such chunks come once.
        assert passed < 1.3 * media
    else:
        # Indexes and headers of answers come, and nothing of the chunks' own frames.
        assert passed / count < smallest / 4, (passed, media)
    ends = {record.chunk_id: record.ends for record in records if record.ends}
    assert asyncio.run(check_seams(tmp_path / "video.mp4", spec, ends)).frames == count * FRAMES
    shown = asyncio.run(frame_hashes(tmp_path / "video.mp4"))
    each = [asyncio.run(frame_hashes(path)) for path in pictures]
    assert shown == [frame for n in range(count) for frame in each[n % KINDS]]


@pytest.mark.parametrize("name", ["video.mp4", "video.mov"])
def test_the_sound_of_the_whole_goes_along_as_in_a_merge_here(
    store: ObjectStore, pictures: list[Path], tmp_path: Path, name: str
) -> None:
    spec = make_spec(KINDS)
    records = records_of(spec, pictures)
    sound = tmp_path / f"sound{Path(name).suffix}"
    seconds = KINDS * FRAMES / 30
    tone = ["-f", "lavfi", "-i", f"sine=r=48000:d={seconds}", "-c:a", "aac", str(sound)]
    subprocess.run(["ffmpeg", "-loglevel", "error", *tone], check=True)
    bucket = f"bucket-{secrets.token_hex(6)}"
    create_bucket(store, bucket)
    scheme = "s3" if "AWS_REGION" in store.env else "gs"

    async def work() -> None:
        storage = open_storage(f"{scheme}://{bucket}/job", env=store.env)
        keys = [f"chunks/{n}.mp4" for n in range(KINDS)]
        for key, path in zip(keys, pictures, strict=True):
            await storage.put_file(key, path)
        made = await stitch_in_storage(storage, records, keys, output=f"output/{name}", audio=sound)
        await check_in_storage(storage, made, f"output/{name}", spec, records)
        await storage.get_file(f"output/{name}", tmp_path / name)
        assert {found.key for found in await storage.list()} == {*keys, f"output/{name}"}
        await storage.close()
        await FfmpegStitcher(audio=sound).stitch(pictures, tmp_path / f"here-{name}")

    asyncio.run(work())
    for stream in ("0:v", "0:a"):
        assert packets(tmp_path / name, stream) == packets(tmp_path / f"here-{name}", stream)


#: Goes to the last second of a video, and tells what is seen there and at its beginning.
PLAYER = """<!doctype html><video muted preload="auto"></video><script>
const once = (target, name) => new Promise((resolve) =>
  target.addEventListener(name, resolve, { once: true }));
// "seeked" may come before the picture is handed to the element.
const shown = (video, time) => new Promise((resolve) => {
  const check = (now, { mediaTime }) =>
    mediaTime < time ? video.requestVideoFrameCallback(check) : resolve();
  video.requestVideoFrameCallback(check);
});
globalThis.play = async () => {
  const video = document.querySelector("video");
  const canvas = new OffscreenCanvas(160, 90);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const look = () => {
    context.drawImage(video, 0, 0);
    return [...context.getImageData(80, 45, 1, 1).data];
  };
  video.src = "video.mp4";
  await once(video, "loadeddata");
  const first = look();
  const handedOn = shown(video, 1);
  video.currentTime = 1.5;
  await once(video, "seeked");
  await handedOn;
  const late = look();
  await video.play();
  await once(video, "ended");
  return { duration: video.duration, first, late, error: video.error?.message };
};
</script>"""


@pytest.mark.browser
def test_a_browser_plays_what_was_joined_in_storage_and_seeks_in_it(
    pictures: list[Path], tmp_path: Path
) -> None:
    colours = ["red", "blue"]
    for number, colour in enumerate(colours):
        source = ["-f", "lavfi", "-i", f"color={colour}:s=160x90:r=30:d=1", "-pix_fmt", "yuv420p"]
        command = ["ffmpeg", "-loglevel", "error", *source, str(tmp_path / f"{number}.mp4")]
        subprocess.run(command, check=True)
    tone = ["-f", "lavfi", "-i", "sine=r=48000:d=2", "-c:a", "aac", str(tmp_path / "sound.mp4")]
    subprocess.run(["ffmpeg", "-loglevel", "error", *tone], check=True)
    paths = [tmp_path / f"{number}.mp4" for number in range(2)]
    records = [
        record.model_copy(
            update={"artifact": record.artifact.model_copy(update={"bytes": path.stat().st_size})}
        )
        for record, path in zip(records_of(make_spec(2), pictures), paths, strict=True)
    ]
    storage = open_storage(str(tmp_path))
    keys = ["0.mp4", "1.mp4"]
    sound = tmp_path / "sound.mp4"
    asyncio.run(stitch_in_storage(storage, records, keys, output="video.mp4", audio=sound))

    facts = shown_in_browser(tmp_path, PLAYER)

    assert facts.get("error") is None, facts
    assert facts["duration"] == pytest.approx(2, abs=0.05)
    assert facts["first"] == pytest.approx([254, 0, 0, 255], abs=8)
    assert facts["late"] == pytest.approx([0, 0, 254, 255], abs=8)


def packets(video: Path, stream: str) -> list[list[str]]:
    """Return of a stream's packets when they are decoded and shown, their sizes and digests."""
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-map", stream, "-c", "copy"]
    done = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, check=True)
    rows = [line.split(",") for line in done.stdout.decode().splitlines() if line[0] != "#"]
    return [[*row[1:3], *row[4:6]] for row in rows]


def test_what_can_not_be_joined_in_storage_is_known_before(tmp_path: Path) -> None:
    plain = make_spec(2, mergeCommand="helios merge v.mp4 c0.mp4 c1.mp4")
    playing = make_spec(
        2,
        mergeCommand="helios merge v.mp4 c0.mp4 c1.mp4 --audio-from page --frame-count=4 --seed -1",
    )
    sound = make_spec(2, mergeCommand="helios merge v.mp4 c0.mp4 c1.mp4 --audio a.m4a")
    smaller = make_spec(2, mergeCommand="helios merge v.mp4 c0.mp4 c1.mp4 --quality 30")
    other = make_spec(2, mergeCommand="ffmpeg -i c0.mp4 v.mp4")
    assert fault_of(plain, "v.mp4") is None
    assert fault_of(plain, "v.webm")
    assert fault_of(playing, "v.mp4") is None
    assert fault_of(sound, "v.mp4")
    assert fault_of(smaller, "v.mp4")
    assert fault_of(other, "v.mp4")


def test_chunks_with_sound_are_refused(tmp_path: Path) -> None:
    silent = encode(tmp_path / "0.mp4", 0, FRAMES)
    loud = tmp_path / "1.mp4"
    tone = ["-f", "lavfi", "-i", "sine=r=48000:d=0.06", "-c:v", "copy", "-shortest", str(loud)]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", str(silent), *tone], check=True)
    spec = make_spec(2)
    records = [
        record.model_copy(
            update={
                "artifact": record.artifact.model_copy(update={"bytes": path.stat().st_size}),
            }
        )
        for record, path in zip(
            records_of(spec, [silent, loud, silent, loud]), (silent, loud), strict=True
        )
    ]
    storage = open_storage(str(tmp_path))
    with pytest.raises(StitchFailed, match="audio"):
        asyncio.run(stitch_in_storage(storage, records, ["0.mp4", "1.mp4"], output="v.mp4"))
