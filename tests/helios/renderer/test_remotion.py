"""Remotion bundles: recognised, evaluated and driven, as a page with their functions shows."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helios.errors import (
    CompositionFailed,
    CompositionUnchosen,
    CompositionUnsettled,
    DialectUnsupported,
    OptionInvalid,
)
from helios.renderer.browser.devtools import Params
from helios.renderer.composition import Composition
from helios.renderer.dialects import PageDefaults, find_dialect, open_dialect
from helios.renderer.evaluation import evaluate
from helios.renderer.inspect import inspect
from helios.renderer.page import PageOptions

from .conftest import Studio

HEAD = "<!doctype html><script>window.siteVersion = '11'; window.remotion_version = '4'</script>"
#: What a bundle does, without React: its handles, its compositions, and a box for the frame.
BUNDLE = """
<style>body { background: #1f2428 }</style>
<div id=box style="position: absolute; width: 320px; height: 180px"></div>
<script>
remotion_delayRenderHandles = [];
const delayRender = (label, limit = 30000) => {
  const handle = Math.random();
  const expire = () => (remotion_cancelledError = `Error: ${label} expired`);
  remotion_delayRenderHandles.push(handle);
  remotion_delayRenderTimeouts[handle] = { label, timeout: setTimeout(expire, limit) };
  remotion_renderReady = false;
  return handle;
};
const continueRender = (handle) => {
  clearTimeout(remotion_delayRenderTimeouts[handle].timeout);
  delete remotion_delayRenderTimeouts[handle];
  remotion_delayRenderHandles = remotion_delayRenderHandles.filter((one) => one !== handle);
  remotion_renderReady = !remotion_delayRenderHandles.length;
};
const draw = (frame) => (box.style.background = `rgb(${frame * 5}, ${frame * 5}, ${frame * 5})`);
let assets = [];
const KINDS = {
  grey: draw,
  // Each frame is drawn by a timer, later than its handle's own limit.
  late: (frame) => {
    const handle = delayRender("the picture", 100);
    setTimeout(() => (draw(frame), continueRender(handle)), 400);
  },
  stuck: (frame) => frame === 2 && delayRender("the answer"),
  cancelled: (frame) => frame === 3 && (remotion_cancelledError = "Error: no third\\n at x"),
  sounding: (frame) => {
    const common = { type: "audio", src: `${location.origin}/a.wav`, frame };
    const a = { ...common, id: "a", playbackRate: 2, volume: frame < 2 ? 1 : 0.5 };
    if (frame < 4) assets.push({ ...a, mediaFrame: frame + 30, audioStartFrame: 15 });
    if (frame % 5 === 2) assets.push({ ...common, id: "b", volume: 1, toneFrequency: 1.5 });
    const samples = [frame, frame].flatMap((level) => Array(1600).fill(level));
    if (frame === 1) assets.push({ type: "artifact", id: "d", filename: "a.txt" });
    const made = { type: "inline-audio", id: "c", frame };
    // More parts than a function takes arguments.
    for (let n = 0; n < 2e5 && frame === 18; n++) assets.push({ ...made, audio: [] });
    if (frame > 16) assets.push({ ...made, audio: samples });
  },
};
const props = JSON.parse(remotion_inputProps);
const facts = (id) => ({ id, width: props.width ?? 320, height: 180, fps: 30, durationInFrames: 20,
  serializedResolvedPropsWithCustomSchema: remotion_inputProps, defaultCodec: null });
window.remotion_getCompositionNames = () => props.ids ?? Object.keys(KINDS);
window.getStaticCompositions = async () => remotion_getCompositionNames().map(facts);
window.remotion_calculateComposition = async (id) => {
  const handle = delayRender("calculateMetadata");
  await new Promise((resolve) => setTimeout(resolve, 500));
  continueRender(handle);
  return facts(id);
};
window.remotion_collectAssets = () => assets.splice(0);
window.remotion_setBundleMode = (mode) => {
  const handle = delayRender("root");
  requestAnimationFrame(() => continueRender(handle));
  window.remotion_setFrame = (frame, id) => {
    const handle = delayRender(`frame ${frame}`);
    requestAnimationFrame(() => (KINDS[id](frame), continueRender(handle)));
  };
};
</script>"""


@pytest.fixture
def bundle(studio: Studio) -> str:
    folder = studio.root / "bundle"
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(HEAD + BUNDLE)
    return "bundle"


def options(composition_id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"dialect": find_dialect("remotion"), "composition_id": composition_id, **more}


def test_a_bundle_is_recognised_by_its_format(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text(HEAD)
    assert open_dialect(Composition.find(str(page)), None)[0].name == "remotion"

    page.write_text(HEAD.replace("'11'", "'10'"))
    with pytest.raises(DialectUnsupported, match="has format 10; only 11 is rendered"):
        open_dialect(Composition.find(str(page)), None)

    page.write_text("<p>window.remotion_</p>")
    assert open_dialect(Composition.find(str(page)), None)[0].name == "html"
    with pytest.raises(DialectUnsupported, match=r"index\.html: isn't a Remotion bundle"):
        open_dialect(Composition.find(str(page)), "remotion")


@pytest.mark.browser
def test_compositions_are_chosen_and_evaluated_with_their_props(
    studio: Studio, bundle: str
) -> None:
    composition = Composition.find(str(studio.root / bundle))

    def found(composition_id: str | None = None, **props: object) -> PageDefaults:
        own = options(composition_id, props=props)
        page = PageOptions(width=1920, height=1080, rate=Fraction(30), **own)
        return studio.run(evaluate(composition, page))

    with pytest.raises(CompositionUnchosen, match="holds 5 compositions") as several:
        found()
    assert "late" in several.value.details
    assert several.value.hint == "Choose one: `composition_id` grey"
    assert several.value.compositions[0]["durationInFrames"] == 20
    with pytest.raises(OptionInvalid, match="'other'") as unknown:
        found("other")
    assert "grey, late" in unknown.value.hint
    # One needs no choice.
    assert found(width=500, ids=["grey"]) == PageDefaults(width=500, height=180)


@pytest.mark.browser
@pytest.mark.parametrize("composition_id", ["grey", "late"])
def test_a_frame_is_drawn_by_its_number_once_no_handle_delays_it(
    studio: Studio, bundle: str, composition_id: str
) -> None:
    for frames in ([0, 1, 2, 19], [11, 25]):
        pictures = studio.shoot(bundle, frames, **options(composition_id))
        assert [one.level(0) for one in pictures] == [5 * min(frame, 19) for frame in frames]
    # At another rate, the frame that stands at that time.
    pictures = studio.shoot(bundle, [3, 4], **options(composition_id, rate=Fraction(60)))
    assert [one.level(0) for one in pictures] == [5, 10]


@pytest.mark.browser
def test_a_handle_that_never_ends_is_named_by_its_label(studio: Studio, bundle: str) -> None:
    with pytest.raises(CompositionUnsettled, match="frame 2 wasn't ready") as error:
        studio.shoot(bundle, [1, 2], **options("stuck", settle_timeout=0.5))
    assert error.value.details == ("waiting for delayRender: the answer",)


@pytest.mark.browser
def test_a_cancelled_render_ends_with_the_pages_words(studio: Studio, bundle: str) -> None:
    with pytest.raises(CompositionFailed, match="frame 3") as error:
        studio.shoot(bundle, [2, 3], **options("cancelled"))
    assert error.value.details == ("Error: no third",)
    with pytest.raises(CompositionUnchosen):
        studio.shoot(bundle, [0], **options())


@pytest.mark.browser
def test_a_bundle_declares_its_length(studio: Studio, bundle: str) -> None:
    composition = Composition.find(str(studio.root / bundle))
    page = PageOptions(width=320, height=180, rate=Fraction(30), **options("grey"))
    facts = studio.run(inspect(composition, page))
    assert (facts.frames(Fraction(30)), facts.moves, facts.sounds) == (20, True, False)


@pytest.mark.browser
def test_tracks_are_runs_of_frames_with_their_trim_rate_and_volume(
    studio: Studio, bundle: str
) -> None:
    async def work() -> tuple[bool, list[Params], bytes | None]:
        async with studio.page(bundle, **options("sounding")) as page:
            await page.seek(19, every_frame=True)
            sounds = await page.audio.sounds(final=True)
            data = await page.audio.blob(sounds[-1]["source"])
            assert [one.code for one in await page.warnings()] == ["DIALECT_FEATURE_IGNORED"]
        async with studio.page(bundle, **options("grey")) as page:
            await page.seek(9, every_frame=False)
            # What frames between would have been heard to play isn't known.
            return await page.audio.can_sound(), sounds, data

    can_sound, (first, *others, made), data = studio.run(work())
    assert can_sound
    assert (first["start"], first["rate"], first["pitch"]) == (0, 2, 1)
    assert first["trim"] == pytest.approx((15 + 15 * 2) / 30)
    assert first["duration"] == pytest.approx(4 / 30)
    assert first["volumes"] == [[0, 1, False], [pytest.approx(1.5 / 30), 0.5, False]]
    starts = [(one["start"], one["pitch"]) for one in others]
    assert starts == [(pytest.approx(frame / 30), 1.5) for frame in (2, 7, 12, 17)]
    assert (made["start"], made["duration"]) == (pytest.approx(17 / 30), None)
    assert data is not None
    assert memoryview(data[44:]).cast("h").tolist() == [17] * 3200 + [18] * 3200 + [19] * 3200


@pytest.mark.browser
@pytest.mark.parametrize("transparent", [False, True])
def test_the_ground_is_black_or_clear(studio: Studio, bundle: str, transparent: bool) -> None:
    (picture,) = studio.shoot(bundle, [1], **options("sounding", transparent=transparent))
    ground = Image.open(io.BytesIO(picture.data)).convert("RGBA").getpixel((5, 5))
    assert ground == (0, 0, 0, 0 if transparent else 255)
