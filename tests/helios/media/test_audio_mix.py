"""mix_audio, read back as decoded samples."""

import asyncio
import subprocess
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helios.contract.frame_rate import samples_before
from helios.errors import AudioFailed, CodecUnavailable, OptionInvalid
from helios.media.audio_mix import mix_audio
from helios.media.audio_track import AudioTrack
from helios.media.probe import probe
from helios.media.volume_envelope import VOLUME_TOLERANCE, without_straight_points
from helios.stitcher import FfmpegStitcher

Samples = NDArray[np.float64]
RATE = Fraction(30)


def run(*args: str | Path) -> bytes:
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def write_wav(path: Path, left: Samples, *, rate: int = 48000) -> Path:
    frames = np.repeat(np.round(left * 32767).astype("<i2")[:, None], 2, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(frames.tobytes())
    return path


def constant(path: Path, *, level: float = 0.5, samples: int = 48000) -> Path:
    return write_wav(path, np.full(samples, level))


def mix(
    tmp_path: Path,
    *tracks: AudioTrack,
    frames: int = 60,
    start: int = 0,
    rate: Fraction = RATE,
) -> Samples:
    """Return the left channel of a mix, from -1 to 1."""
    output = tmp_path / f"mix {start}.wav"
    asyncio.run(
        mix_audio(
            tracks,
            frame_count=frames,
            rate=rate,
            output=output,
            codec="pcm_s16le",
            start_frame=start,
        )
    )
    data = run("-i", output, "-f", "s16le", "pipe:1")
    return np.frombuffer(data, "<i2").reshape(-1, 2)[:, 0] / 32767


def test_an_impulse_stays_at_its_sample(tmp_path: Path) -> None:
    sound = np.zeros(4800)
    sound[1234] = 0.8
    source = write_wav(tmp_path / "impulse.wav", sound)
    mixed = mix(tmp_path, AudioTrack(source=source, start=0.5))
    assert np.flatnonzero(np.abs(mixed) > 0.01).tolist() == [24000 + 1234]
    assert mixed[24000 + 1234] == pytest.approx(0.8, abs=1e-3)


def test_trimming_cuts_from_the_beginning(tmp_path: Path) -> None:
    sound = np.zeros(48000)
    sound[24010] = 0.8
    source = write_wav(tmp_path / "impulse.wav", sound)
    mixed = mix(tmp_path, AudioTrack(source=source, trim=0.5, start=0.25))
    assert np.flatnonzero(np.abs(mixed) > 0.01).tolist() == [12010]


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_a_mix_lasts_exactly_as_long_as_its_frames(tmp_path: Path, rate: Fraction) -> None:
    source = constant(tmp_path / "long.wav", samples=480000)
    mixed = mix(tmp_path, AudioTrack(source=source), frames=50, rate=rate)
    assert len(mixed) == samples_before(50, rate, 48000)
    assert mixed[-1] == pytest.approx(0.5, abs=1e-3)


def test_tracks_add_up_without_being_made_quieter(tmp_path: Path) -> None:
    first = constant(tmp_path / "a.wav", level=0.3)
    second = constant(tmp_path / "b.wav", level=0.2)
    mixed = mix(tmp_path, AudioTrack(source=first), AudioTrack(source=second, start=0.5))
    assert mixed[23999] == pytest.approx(0.3, abs=1e-3)
    assert mixed[24000] == pytest.approx(0.5, abs=1e-3)
    assert mixed[47999] == pytest.approx(0.5, abs=1e-3)
    assert mixed[48000] == pytest.approx(0.2, abs=1e-3)


def test_a_loop_repeats_exactly(tmp_path: Path) -> None:
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, 7001)
    source = write_wav(tmp_path / "loop.wav", sound)
    mixed = mix(tmp_path, AudioTrack(source=source, loop=True, duration=1.0))
    expected = np.resize(np.round(sound * 32767) / 32767, 48000)
    assert np.abs(mixed[:48000] - expected).max() < 1e-4
    assert not mixed[48000:].any()


def test_fades_reach_their_levels(tmp_path: Path) -> None:
    source = constant(tmp_path / "long.wav", samples=96000)
    track = AudioTrack(source=source, duration=1.0, fade_in=0.25, fade_out=0.5)
    mixed = mix(tmp_path, track)
    assert mixed[0] == pytest.approx(0.0, abs=1e-3)
    assert mixed[6000] == pytest.approx(0.25, abs=1e-3)
    assert mixed[20000] == pytest.approx(0.5, abs=1e-3)
    assert mixed[36000] == pytest.approx(0.25, abs=1e-3)
    assert mixed[47999] == pytest.approx(0.0, abs=1e-3)


def test_a_fade_out_ends_with_the_source_if_no_duration_is_given(tmp_path: Path) -> None:
    source = constant(tmp_path / "short.wav", samples=24000)
    mixed = mix(tmp_path, AudioTrack(source=source, start=0.5, fade_out=0.25))
    assert mixed[24000 + 11000] == pytest.approx(0.5, abs=1e-3)
    assert mixed[24000 + 18000] == pytest.approx(0.25, abs=1e-3)


def test_scripted_volumes_step_at_their_times(tmp_path: Path) -> None:
    source = constant(tmp_path / "long.wav", samples=96000)
    points = ((0.5, 1.0, False), (1.0, 0.0, False), (1.5, 0.4, False))
    mixed = mix(tmp_path, AudioTrack(source=source, volume=0.2, volume_points=points))
    for start, level in ((0, 0.1), (24000, 0.5), (48000, 0.0), (72000, 0.2)):
        assert mixed[start : start + 24000] == pytest.approx(level, abs=1e-3)


def test_a_volume_step_far_into_a_sound_is_exact(tmp_path: Path) -> None:
    source = constant(tmp_path / "long.wav", samples=96000)
    mixed = mix(tmp_path, AudioTrack(source=source, volume_points=((1.5, 0.2, False),)))
    assert mixed[71999] == pytest.approx(0.5, abs=1e-3)
    assert mixed[72000] == pytest.approx(0.1, abs=1e-3)


def test_a_volume_for_every_frame_is_followed(tmp_path: Path) -> None:
    source = constant(tmp_path / "long.wav", samples=480000)
    points = tuple((n / 30, (n % 10) / 10, False) for n in range(300))
    mixed = mix(tmp_path, AudioTrack(source=source, volume_points=points), frames=300)
    levels = mixed.reshape(300, 1600)
    assert np.abs(levels - (np.arange(300) % 10)[:, None] / 20).max() < 1e-3


def test_a_ramp_is_a_straight_line_from_the_point_before(tmp_path: Path) -> None:
    source = constant(tmp_path / "long.wav", samples=96000)
    points = ((0.25, 0.0, False), (0.75, 1.0, True), (1.0, 0.5, False))
    mixed = mix(tmp_path, AudioTrack(source=source, start=0.125, volume_points=points))
    assert mixed[6000:12000] == pytest.approx(0.5, abs=1e-3)
    assert mixed[12000:36000] == pytest.approx(np.arange(24000) / 48000, abs=1e-3)
    assert mixed[36000:48000] == pytest.approx(0.5, abs=1e-3)
    assert mixed[48000:] == pytest.approx(0.25, abs=1e-3)


def test_a_tween_of_ten_minutes_becomes_few_lines_that_keep_to_it() -> None:
    points = [(n * 1600, 0.5 - 0.5 * np.cos(n / 3000), n > 0) for n in range(18000)]
    kept = without_straight_points(points)
    assert len(kept) < 300
    positions, volumes, _ = zip(*points, strict=True)
    kept_positions, kept_volumes, _ = zip(*kept, strict=True)
    lines = np.interp(positions, kept_positions, kept_volumes)
    assert np.abs(lines - volumes).max() <= VOLUME_TOLERANCE


def test_a_loop_begins_again_where_it_is_told_to_and_as_long_as_it_is(tmp_path: Path) -> None:
    sound = np.linspace(0, 0.5, 4800)
    source = write_wav(tmp_path / "rise.wav", sound)
    track = AudioTrack(source=source, trim=0.05, loop=True, loop_start=0.0, length=0.125)
    mixed = mix(tmp_path, track)[:12000]
    repeated = np.resize(np.concatenate([sound, np.zeros(1200)]), 18000)
    assert mixed == pytest.approx(repeated[2400:14400], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 5.0])
def test_speed_keeps_the_pitch_unless_asked_otherwise(tmp_path: Path, speed: float) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(240000) / 48000)
    source = write_wav(tmp_path / "tone.wav", tone)
    for preserves, factor, pitch in (
        (True, 1.0, 440.0),
        (False, 1.0, 440 * speed),
        (True, 1.5, 660.0),
    ):
        track = AudioTrack(source=source, rate=speed, preserves_pitch=preserves, pitch=factor)
        mixed = mix(tmp_path, track, frames=24)
        spectrum = np.abs(np.fft.rfft(mixed * np.hanning(len(mixed))))
        loudest = spectrum.argmax() * 48000 / len(mixed)
        assert loudest == pytest.approx(pitch, rel=0.02)


def test_a_cut_equals_the_same_samples_of_the_whole_mix(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).uniform(-0.4, 0.4, 44100)
    source = write_wav(tmp_path / "noise.wav", noise, rate=44100)
    tracks = (
        AudioTrack(source=source, loop=True, fade_in=0.3, rate=1.3),
        AudioTrack(source=source, start=0.37, volume_points=((0.9, 0.2, False),)),
    )
    rate = Fraction(30000, 1001)
    whole = mix(tmp_path, *tracks, frames=60, rate=rate)
    parts = [mix(tmp_path, *tracks, frames=20, start=start, rate=rate) for start in (0, 20, 40)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_no_tracks_make_silence(tmp_path: Path) -> None:
    mixed = mix(tmp_path)
    assert len(mixed) == 96000
    assert not mixed.any()


def test_a_silent_video_counts_as_silence(tmp_path: Path) -> None:
    video = tmp_path / "silent.mp4"
    run("-f", "lavfi", "-i", "testsrc2=s=64x64:d=0.2", "-c:v", "libx264", video)
    assert not mix(tmp_path, AudioTrack(source=video)).any()


def test_a_track_outside_the_timeline_is_left_out(tmp_path: Path) -> None:
    source = constant(tmp_path / "a.wav")
    late = AudioTrack(source=source, start=30)
    over = AudioTrack(source=source, duration=0)
    assert not mix(tmp_path, late, over).any()


def test_a_start_before_the_timeline_cuts_the_sound(tmp_path: Path) -> None:
    sound = np.zeros(48000)
    sound[24005] = 0.8
    source = write_wav(tmp_path / "impulse.wav", sound)
    mixed = mix(tmp_path, AudioTrack(source=source, start=-0.5))
    assert np.flatnonzero(np.abs(mixed) > 0.01).tolist() == [5]


def test_a_source_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken: sound's.mp3"
    broken.write_bytes(b"not a sound")
    for source in (broken, tmp_path / "missing.wav"):
        with pytest.raises(AudioFailed, match=source.name):
            mix(tmp_path, AudioTrack(source=source))


@pytest.mark.parametrize("speed", [0, -1, 100])
def test_a_speed_that_cannot_be_played_is_refused(tmp_path: Path, speed: float) -> None:
    source = constant(tmp_path / "a.wav")
    with pytest.raises(OptionInvalid, match="rate"):
        mix(tmp_path, AudioTrack(source=source, rate=speed))


def test_an_unknown_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodecUnavailable, match="nonsense"):
        asyncio.run(
            mix_audio((), frame_count=1, rate=RATE, output=tmp_path / "a.mka", codec="nonsense")
        )


@pytest.mark.slow
def test_forty_tracks_with_odd_names_mix(tmp_path: Path) -> None:
    sources = [
        constant(tmp_path / f"-it's {n}: 100%\n.wav", level=0.01, samples=9600) for n in range(40)
    ]
    mixed = mix(tmp_path, *(AudioTrack(source=source) for source in sources), frames=6)
    assert mixed == pytest.approx(0.4, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_aac_beside_video_lasts_as_long_as_the_video(tmp_path: Path, rate: Fraction) -> None:
    impulse = np.zeros(48000)
    impulse[24000] = 0.9
    source = write_wav(tmp_path / "impulse.wav", impulse)
    audio, video, output = (tmp_path / name for name in ("a.m4a", "v.mp4", "out.mp4"))
    asyncio.run(mix_audio((AudioTrack(source=source),), frame_count=47, rate=rate, output=audio))
    picture = f"testsrc2=s=64x64:r={rate},trim=end_frame=47"
    run("-f", "lavfi", "-i", picture, "-c:v", "libx264", video)
    asyncio.run(FfmpegStitcher(audio=audio).stitch([video], output))
    info = asyncio.run(probe(output))
    assert info.video is not None
    assert info.audio is not None
    assert abs(info.audio.duration - info.video.duration) <= Fraction(1024, 48000)
    data = run("-i", output, "-map", "0:a", "-f", "s16le", "pipe:1")
    sound = np.frombuffer(data, "<i2").reshape(-1, 2)[:, 0]
    assert abs(int(np.abs(sound.astype(int)).argmax()) - 24000) <= 1
