"""Job specs from strangers, run by the worker as it is deployed, with every program allowed.

By `make test` the worker for Lambda runs in processes, by `make test-all` both workers run in
containers of their images.
"""

import json
import os
import re
from pathlib import Path

import pytest

from sandbox.containers.images import ENGINE_VARIABLE
from tests.security.conftest import SECRET, RunSpec

pytestmark = [pytest.mark.slow, pytest.mark.image]

EVERYTHING = "helios,ffmpeg,ffprobe,sh"

#: What a stranger asks for, and what is told: nothing of it runs.
REFUSED = {
    "a file of the system": "ffmpeg -i /etc/passwd 0.mp4",
    "the worker's environment": "ffmpeg -f data -i /proc/self/environ -map 0 -f data -",
    "a file above the job": "ffmpeg -i ../../../etc/passwd 0.mp4",
    "a file by its URL": "ffmpeg -i file:///etc/passwd 0.mp4",
    "files joined": "ffmpeg -i 'concat:0.ts|/etc/passwd' 0.mp4",
    "a part of a file": "ffmpeg -i subfile,,start,0,end,9,,:/etc/passwd 0.mp4",
    "a file in a filter": "ffmpeg -f lavfi -i movie=/etc/passwd 0.mp4",
    "text of a file as a picture": (
        "ffmpeg -f lavfi -i color -vf drawtext=textfile=/etc/passwd -frames:v 6 0.mp4"
    ),
    "metadata past the proxy": (
        "ffmpeg -http_proxy none -headers Metadata-Flavor:Google -i http://127.0.0.1:9001/ 0.mp4"
    ),
    "unsafe names in lists": "ffmpeg -f concat -safe 0 -i list.txt 0.mp4",
    "more protocols": "ffmpeg -protocol_whitelist file,http -i a.m3u8 0.mp4",
    "an output in the worker's code": "ffmpeg -f lavfi -i color -frames:v 6 /opt/worker/0.mp4",
    "an output elsewhere": "helios render composition -o /tmp/0.mp4",
    "props from a file": "helios render composition -o 0.mp4 --props @/etc/helios.json",
    "a merge of files elsewhere": "helios merge 0.mp4 /proc/self/environ",
    "metadata of a file": "ffprobe /etc/passwd",
    "a page elsewhere": "helios render /etc -o 0.mp4",
    "a page by its file URL": "helios still file:///etc/passwd -o 0.mp4",
    "a job's folder elsewhere": "helios render composition -o ../../other/0.mp4",
    "an output that looks like an address": "helios render composition -o https://a/../../../0.mp4",
    "one of several outputs elsewhere": "ffmpeg -f lavfi -i color -f tee '[f=mpegts]/tmp/0.ts'",
    "filters in a file": "ffmpeg -filter_complex_script composition/a.txt -frames:v 6 0.mp4",
    "a source in a file": "ffmpeg -f lavfi -graph_file composition/a.txt -i a 0.mp4",
    "a list without limits": "ffmpeg -f lavfi -i movie=a.txt:f=concat:format_opts=safe=0 0.mp4",
    "a playlist in a filter that has a name": "ffmpeg -f lavfi -i movie@a-b=clip.m3u8 0.mp4",
    "a program as a filter": "ffmpeg -f lavfi -i anullsrc -af ladspa=./composition/a.so 0.mp4",
}


def test_commands_that_lead_outside_the_job_are_refused_before_they_run(run_spec: RunSpec) -> None:
    results = run_spec(*REFUSED.values(), executables=EVERYTHING)

    codes = [result.error.code if result.error else None for result in results]
    assert dict(zip(REFUSED, codes, strict=True)) == dict.fromkeys(REFUSED, "COMMAND_FORBIDDEN")


def test_only_helios_runs_unless_the_deployment_says_otherwise(run_spec: RunSpec) -> None:
    results = run_spec("ffmpeg -version", "ffprobe -version", "node -v", "sh -c true")

    codes = [result.error.code if result.error else None for result in results]
    assert codes == ["COMMAND_FORBIDDEN"] * 4


#: Tries every way to the runtime's API and to metadata; fails so that what it wrote comes back.
PROBE = (
    "sh -c 'for u in http://127.0.0.1:9001/2018-06-01/runtime/invocation/next"
    " http://169.254.169.254/latest/meta-data/ tcp://127.0.0.1:80;"
    " do ffmpeg -http_proxy none -i $u -f null - 2>&1 | tail -1; done; exit 1'"
)


def test_no_program_reaches_loopback_or_link_local_addresses(run_spec: RunSpec) -> None:
    (result,) = run_spec(PROBE, executables=EVERYTHING)

    told = result.stdout.strip().splitlines()
    assert len(told) == 3, result.stdout + result.stderr
    assert all("Permission denied" in line for line in told), told


def assert_no_secret(text: str) -> None:
    assert "PATH=" in text
    assert "AWS_SECRET" not in text
    assert "AWS_SESSION" not in text
    assert SECRET["FILMS_API_KEY"] not in text


def test_no_program_finds_credentials_in_its_environment(run_spec: RunSpec) -> None:
    (result,) = run_spec("sh -c 'env; exit 1'", executables=EVERYTHING)

    assert_no_secret(result.stdout)


@pytest.mark.skipif(
    ENGINE_VARIABLE not in os.environ, reason="processes of this machine's tests may run as root"
)
def test_no_program_reads_credentials_of_another_process(run_spec: RunSpec) -> None:
    (result,) = run_spec(
        "sh -c 'cat /proc/*/environ /proc/*/cmdline; exit 1'", executables=EVERYTHING
    )

    assert_no_secret(result.stdout)


#: Tries to read files and addresses that aren't the composition's, and tells what came of it.
HOSTILE = """<!doctype html><html data-duration="1"><body>
<iframe src="file:///etc/passwd"></iframe><object data="file:///etc/passwd"></object>
<svg><image href="file:///etc/passwd"/><use href="file:///etc/passwd#a"/></svg>
<video src="list.m3u8"></video><link rel="stylesheet" href="file:///etc/passwd"><script>
for (const url of %s) {
  const request = new XMLHttpRequest();
  let told;
  try {
    request.open("GET", url, false);
    request.send();
    told = `${request.status} ${request.responseText.slice(0, 20)}`;
  } catch (fault) {
    told = fault.name;
  }
  console.error(`tried ${url}: ${told}`);
}
</script>"""
ELSEWHERE = [
    "file:///etc/passwd",
    "file:///proc/self/environ",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
]


@pytest.mark.browser
def test_a_page_reads_no_file_but_its_own_and_no_private_address(
    run_spec: RunSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "composition"
    folder.mkdir()
    (folder / "index.html").write_text(HOSTILE % json.dumps(ELSEWHERE))
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    command = "helios render composition -o 0.mp4 --frame-count 6 --width 64 --height 36 --fps 6"

    (result,) = run_spec(f"{command} --no-audio --allow-missing", composition=folder)

    told = dict(re.findall(r"tried (\S+): (.*)", result.stderr))
    assert list(told) == ELSEWHERE, result.stderr
    assert {answer.split()[0] for answer in told.values()} <= {"403", "404", "NetworkError"}, told
    assert "root:" not in result.stderr
