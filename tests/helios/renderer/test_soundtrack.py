"""From what a page's media elements say to what ffmpeg reads."""

import base64
from pathlib import Path
from typing import Any

import pytest

from helios.errors import AudioFailed, CodecUnavailable, OptionInvalid
from helios.renderer.composition import LOCAL_ORIGIN, Composition
from helios.renderer.encoding.audio import check_audio_codec
from helios.renderer.media.data_url import data_of
from helios.renderer.soundtrack import Soundtrack


@pytest.fixture
def composition(tmp_path: Path) -> Composition:
    root = tmp_path / "composition"
    root.mkdir()
    (root / "index.html").write_text("")
    (root / "größe #1.wav").write_bytes(b"wav")
    (tmp_path / "secret.wav").write_bytes(b"wav")
    return Composition(url=f"{LOCAL_ORIGIN}/index.html", root=root)


def sound(source: str, **changes: Any) -> dict[str, Any]:
    """What the page says of an element."""
    plain = {"start": 0, "trim": 0, "duration": None, "rate": 1, "fadeIn": 0, "fadeOut": 0}
    rest: dict[str, Any] = {
        "loop": False,
        "loopStart": 0,
        "length": None,
        "preservesPitch": True,
        "volumes": [],
    }
    return {"source": source, **plain, **rest, "preservesPitch": True, **changes}


def sources(composition: Composition, scratch: Path, *urls: str) -> list[str]:
    found = Soundtrack.of([sound(url) for url in urls], composition, scratch=scratch)
    return [str(track.source) for track in found.tracks]


def test_a_file_of_the_composition_is_read_from_its_folder(
    composition: Composition, tmp_path: Path
) -> None:
    assert composition.root is not None
    urls = (f"{LOCAL_ORIGIN}/gr%C3%B6%C3%9Fe%20%231.wav?v=2", "https://example.com/a.mp3")
    assert sources(composition, tmp_path, *urls) == [
        str(composition.root / "größe #1.wav"),
        "https://example.com/a.mp3",
    ]


@pytest.mark.parametrize("name", ["lost.wav", "%2e%2e/secret.wav"])
def test_a_file_that_the_composition_lacks_is_left_out(
    composition: Composition, tmp_path: Path, name: str
) -> None:
    here = f"{LOCAL_ORIGIN}/gr%C3%B6%C3%9Fe%20%231.wav"
    assert len(sources(composition, tmp_path, f"{LOCAL_ORIGIN}/{name}", here)) == 1


@pytest.mark.parametrize("url", ["blob:http://x/1", "file:///etc/passwd", "ftp://x/a.wav"])
def test_a_sound_that_only_the_browser_can_read_is_refused_by_name(
    composition: Composition, tmp_path: Path, url: str
) -> None:
    with pytest.raises(AudioFailed) as caught:
        sources(composition, tmp_path, url)
    assert url in caught.value.message
    assert "file of the composition" in caught.value.hint


def test_sounds_in_data_addresses_become_files(composition: Composition, tmp_path: Path) -> None:
    url = f"data:audio/wav;base64,{base64.b64encode(b'RIFF....').decode()}"
    one, two = sources(composition, tmp_path, url, "data:audio/wav,%00%ffRIFF")
    assert Path(one).read_bytes() == b"RIFF...."
    assert Path(two).read_bytes() == b"\x00\xffRIFF"


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("data:,a%20b", b"a b"),
        ("data:audio/wav;base64,QUJD", b"ABC"),
        ("data:audio/wav;base64,QUJD%0A", b"ABC"),
        ("data:audio/wav;base64,QUI%3D", b"AB"),
        ("data:audio/wav;base64,QUI", b"AB"),
        ("data:audio/wav;BASE64,QUJD", b"ABC"),
        ("data:audio/wav;base64,", b""),
    ],
)
def test_a_data_address_is_read_as_browsers_read_it(url: str, data: bytes) -> None:
    assert data_of(url) == data


def test_a_broken_data_address_is_refused() -> None:
    with pytest.raises(AudioFailed, match="broken data address"):
        data_of("data:audio/wav;base64,A")


def test_what_an_element_says_arrives_in_its_track(
    composition: Composition, tmp_path: Path
) -> None:
    url = f"{LOCAL_ORIGIN}/gr%C3%B6%C3%9Fe%20%231.wav"
    said = sound(url, start=1.5, trim=0.25, duration=2, rate=1.25, fadeIn=0.1, fadeOut=0.2)
    said |= {"loop": True, "loopStart": 0.125, "length": 4, "preservesPitch": False}
    said |= {"volumes": [[0, 1, False], [1, 0.5, True]]}
    [track] = Soundtrack.of([said], composition, scratch=tmp_path).tracks
    assert (track.start, track.trim, track.duration, track.rate) == (1.5, 0.25, 2, 1.25)
    assert (track.fade_in, track.fade_out) == (0.1, 0.2)
    assert (track.loop, track.loop_start, track.length) == (True, 0.125, 4)
    assert track.preserves_pitch is False
    assert track.volume_points == ((0, 1, False), (1, 0.5, True))


def test_a_sound_codec_that_cannot_be_written_is_refused_beforehand() -> None:
    check_audio_codec("aac", ".mp4")
    check_audio_codec("pcm_s16le", ".mov")
    with pytest.raises(CodecUnavailable, match="kazoo"):
        check_audio_codec("kazoo", ".mp4")
    with pytest.raises(OptionInvalid, match=r"\.webm"):
        check_audio_codec("aac", ".WEBM")
