"""What arguments a command from a job spec may have on a worker."""

import subprocess
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.contract.command import parse_command
from helios.errors import CommandForbidden
from helios.process.command_policy import confined

OUTSIDE = [
    "ffmpeg -i /etc/passwd out.mp4",
    "ffmpeg -i ../../etc/passwd out.mp4",
    "ffmpeg -i a/../../b out.mp4",
    "ffmpeg -i ../.. out.mp4",
    "ffmpeg -i file:///etc/passwd out.mp4",
    "ffmpeg -i file:/etc/passwd out.mp4",
    "ffmpeg -i 'concat:a.ts|/etc/passwd' out.mp4",
    "ffmpeg -i subfile,,start,0,end,9,,:/etc/passwd out.mp4",
    "ffmpeg -i http://127.0.0.1/latest/meta-data out.mp4",
    "ffmpeg -i cache:http://169.254.169.254/ out.mp4",
    "ffmpeg -f lavfi -i movie=/etc/passwd out.mp4",
    r"ffmpeg -f lavfi -i movie=filename=\\/etc/passwd out.mp4",
    r"ffmpeg -f lavfi -i movie=.\\./.\\./etc/passwd out.mp4",
    "ffmpeg -i a.mp4 -vf \"subtitles='/etc/passwd'\" out.mp4",
    "ffmpeg -i a.mp4 -vf drawtext=textfile=/proc/1/environ out.mp4",
    "ffmpeg -i a.mp4 -filter_complex_script /etc/passwd out.mp4",
    "ffmpeg -i a.mp4 /opt/worker/helios/errors.py",
    "ffmpeg -i a.mp4 ~/out.mp4",
    "ffprobe -show_entries format_tags /proc/self/environ",
    "helios render /etc -o out.mp4",
    "helios render composition -o /tmp/out.mp4",
    "helios render composition --output=/tmp/out.mp4",
    "helios render composition -o ../../out.mp4",
    "helios render file:///etc/passwd -o out.mp4",
    "helios render composition -o out.mp4 --props @/etc/secret.json",
    "helios render composition -o out.mp4 --props=@../../secret.json",
    "helios render composition -o out.mp4 --input-manifest /opt/notes.json",
    "helios merge out.mp4 /proc/self/environ",
    "helios merge out.mp4 a.mp4 --audio /etc/passwd",
    "ffmpeg -i a.mp4 -map 0 -f tee '[f=mpegts]/tmp/out.ts'",
    "ffmpeg -i a.mp4 -map 0 -f tee 'out.mp4|[f=mpegts]../../out.ts'",
    "helios render composition -o https://a/../../../out.mp4",
    "helios merge https://a/../../../out.mp4 a.mp4",
    "helios merge out.mp4 -- --props {a/../../../b",
]


@pytest.mark.parametrize("command", OUTSIDE)
def test_a_command_that_names_a_file_outside_the_job_is_refused(command: str) -> None:
    program, *args = parse_command(command)
    with pytest.raises(CommandForbidden, match="outside the job's folder"):
        confined(program, args)


UNCHECKED = {
    "-protocol_whitelist": "ffmpeg -protocol_whitelist file,http -i a.mp4 out.mp4",
    "-format_whitelist": "ffmpeg -format_whitelist hls -i a.m3u8 out.mp4",
    "-safe": "ffmpeg -f concat -safe 0 -i a.txt out.mp4",
    "-allowed_extensions": "ffprobe -allowed_extensions ALL a.m3u8",
    "-extension_picky": "ffmpeg -extension_picky 0 -i a.m3u8 out.mp4",
    "-filter_complex_script": "ffmpeg -filter_complex_script graph.txt out.mp4",
    "-filter_script:v": "ffmpeg -i a.mp4 -filter_script:v graph.txt out.mp4",
    "-/": "ffmpeg -/filter_complex graph.txt out.mp4",
    "-graph_file": "ffprobe -f lavfi -graph_file graph.txt x",
    "-fpre": "ffmpeg -i a.mp4 -fpre a.ffpreset out.mp4",
    "-dump_attachment:t": "ffmpeg -dump_attachment:t '' -i a.mkv",
    "concatf:": "ffmpeg -i a.mp4 -attach cache:concatf:a.txt out.mkv",
    "filter movie": "ffmpeg -f lavfi -i movie=a.txt:f=concat:format_opts=safe=0 out.mp4",
    "filter amovie": r"ffmpeg -i a.mp4 -filter_complex '[0:v]copy;amo\vie@1=b.m3u8' out.mp4",
    "filter subtitles": "ffmpeg -i a.mp4 -vf subtitles=b.m3u8 out.mp4",
    "filter sendcmd": "ffmpeg -i a.mp4 -vf 'sendcmd=f=a.txt,drawtext=text=a' out.mp4",
    "filter ladspa": "ffmpeg -i a.wav -af 'ladspa =file=./a.so' out.wav",
    "filter lv2": "ffmpeg -i a.wav -unknown_option 'anull,lv2=p=a' out.wav",
    "filter frei0r": "ffmpeg -i a.mp4 -filter:v:0 'null, frei0r@é-=a' out.mp4",
    "filter frei0r_src": "ffmpeg -f LAVFI -i frei0r_src@a.b=64x36:25:a out.mp4",
    "filter asendcmd": "ffmpeg -f lavfi -graph 'anullsrc,asendcmd@a b=f=a.txt' -i a out.wav",
}


@pytest.mark.parametrize("refused", UNCHECKED)
def test_options_and_filters_that_get_around_the_checks_are_refused(refused: str) -> None:
    program, *args = parse_command(UNCHECKED[refused])
    with pytest.raises(CommandForbidden, match=f"{refused} on a worker"):
        confined(program, args)


@pytest.mark.parametrize("program", ["ffmpeg", "ffprobe"])
@pytest.mark.parametrize(
    "args", ["-filter_complex", "-lavfi", "-vf", "-af:1", "-x", "-f lavfi -i", "-f lavfi"]
)
@given(
    st.sampled_from(["movie", r"\amovie", "su'bti'tles", "ladspa"]),
    st.sampled_from(["", " ", "null,", "[a] [b]\n", "nullsrc;\t", "sws_flags=bilinear;", "''"]),
    st.one_of(st.just(""), st.text(st.characters(exclude_characters="\0/"), min_size=1)),
)
def test_a_filter_is_refused_whatever_the_name_of_its_instance(
    program: str, args: str, name: str, before: str, instance: str
) -> None:
    graph = f"{before}{name}{instance and '@'}{instance}=a.txt"
    with pytest.raises(CommandForbidden, match="the filter"):
        confined(program, [*args.split(), graph])


@pytest.mark.parametrize("option", ["-metadata", "-metadata:s:v:0", "-program", "-attach"])
def test_a_text_that_looks_like_a_filter_is_allowed(option: str) -> None:
    args = ["-f", "lavfi", "-i", "color", option, "title=the movie = x", "out.mkv"]

    assert confined("ffmpeg", args)[-3:] == args[-3:]


def test_a_name_of_a_file_that_looks_like_a_filter_is_allowed_unless_inputs_are_filters() -> None:
    args = ["-i", "movie=1.mp4", "subtitles@home=1.mp4"]

    assert confined("ffmpeg", args)[-3:] == args
    assert confined("ffprobe", args[1:2])[-1] == args[1]
    with pytest.raises(CommandForbidden, match="filter movie on a worker"):
        confined("ffmpeg", ["-f", "lavfi", *args])


INSIDE = [
    "helios render composition -o chunks/00000.mp4 --fps 30000/1001 --timezone Europe/Paris",
    'helios render composition -o out.mp4 --props \'{"logo": "/assets/a.png", "up": "../x"}\'',
    'helios render composition -o out.mp4 --props=\'{"a": "/b"}\'',
    "helios render https://example.com/a?b=/c&d=../e -o out.mp4",
    "helios render composition/index.html -o frames/",
    "helios merge ../video.mp4 chunks/a.mp4 chunks/b.mp4",
    "helios merge out.mp4 chunks/a.mp4 chunks/b.mp4 --audio-from composition --frame-count 9",
    "node /opt/script.js",
]


@pytest.mark.parametrize("command", INSIDE)
def test_commands_within_the_job_keep_their_arguments(command: str) -> None:
    program, *args = parse_command(command)
    assert confined(program, args) == args


def test_each_input_of_ffmpeg_is_limited_to_single_files_on_this_machine() -> None:
    args = parse_command(
        "-f lavfi -i testsrc=s=64x36:r=30000/1001 -i a.wav -vf scale=(iw-1)/2:-2 movie.mp4"
    )
    options = ["-protocol_whitelist", "file,pipe", "-format_whitelist"]

    *before, formats, source = confined("ffprobe", ["a.mp4"])
    limit = ["-nostdin", *options, formats]
    assert [*before, source] == [*options, "a.mp4"]
    assert confined("ffmpeg", args) == [*args[:2], *limit, *args[2:4], *limit, *args[4:]]
    assert not {"hls", "dash", "imf", "sdp"} & set(formats.split(","))


def test_an_option_without_its_value_does_not_lift_the_limits_of_the_next_input(
    tmp_path: Path,
) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2000))
    args = confined("ffmpeg", parse_command("-f null -passlogfile -i cache:a.wav read.wav"))

    ended = subprocess.run(["ffmpeg", *args], cwd=tmp_path, capture_output=True, check=False)

    assert ended.returncode != 0
    assert not (tmp_path / "read.wav").exists()


_NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_-]{0,8}([. ][A-Za-z0-9_-]{1,4})?", fullmatch=True)


@given(st.lists(_NAMES, min_size=1, max_size=4), st.sampled_from(["ffmpeg", "ffprobe", "helios"]))
def test_any_plain_relative_path_is_within_the_job(names: list[str], program: str) -> None:
    path = "/".join(names)
    assert confined(program, [path])[-1] == path


@given(
    st.lists(_NAMES, max_size=3),
    st.lists(_NAMES, max_size=3),
    st.sampled_from(["/{}/{}", "file:///{}/{}", "a=/{}/{}", "a/../{}/{}", "a|../{}/{}", "~/{}/{}"]),
    st.sampled_from(["ffmpeg", "ffprobe", "helios"]),
)
def test_no_path_that_leads_outside_is_an_argument(
    before: list[str], after: list[str], form: str, program: str
) -> None:
    with pytest.raises(CommandForbidden):
        confined(program, [form.format("/".join(before), "/".join(after))])
