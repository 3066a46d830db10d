"""Video and audio, placed by attributes and moved by scripts."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect, element
from fuzz.pages.media import AUDIO, VIDEO
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag
from fuzz.pieces.motion.frame_callbacks import each_frame


def _attributes(draw: Draw) -> str:
    return " ".join(
        draw.some(
            (
                "",
                "",
                f'data-helios-start="{draw.number(0, 0.6)}"',
                f'data-helios-trim="{draw.number(0, 0.5)}"',
                f'data-helios-duration="{draw.number(0.2, 0.8)}"',
                f'data-helios-rate="{draw.pick(0.5, 1.5, 2)}"',
                f'data-helios-volume="{draw.number(0, 1)}"',
                f'data-helios-fade-in="{draw.number(0, 0.4)}"',
                "loop",
                "muted",
                "autoplay",
                'preload="none"',
                "controls",
            ),
            4,
        )
    )


def _commands(draw: Draw) -> str:
    """Draw statements with timers that control the media element `e`."""
    command = draw.pick(
        "e.play()",
        "e.pause()",
        f"e.currentTime = {draw.number(0, 1)}",
        f"e.volume = {draw.number(0, 1)}",
        "e.muted = !e.muted",
        f"e.playbackRate = {draw.pick(0.5, 2)}",
        "e.loop = true",
    )
    return f"setTimeout(() => {{ {command} }}, {draw.ms()});\n"


def _media(draw: Draw, name: str, file: str) -> str:
    source = draw.pick(f'src="{file}"', f'src="{file}"', "")
    inside = "" if source else f'<source src="{file}">'
    return tag(draw, inside, name=name, attributes=f"{source} {_attributes(draw)}")


@element(weight=2)
def video(draw: Draw, inside: Part) -> Part:
    file = draw.pick(*VIDEO)
    return Part(
        html=_media(draw, "video", file),
        style=f"{draw.place()}; object-fit: {draw.pick('fill', 'cover', 'contain')}",
        media=frozenset({file}),
    )


@element(weight=1)
def video_by_script(draw: Draw, inside: Part) -> Part:
    file = draw.pick(*VIDEO)
    start = draw.pick("e.pause();\n", "e.play();\n", "")
    return Part(
        html=_media(draw, "video", file),
        style=draw.place(),
        media=frozenset({file}),
        script=start + "".join(_commands(draw) for _ in range(draw.whole(1, 3))),
    )


@element(weight=1)
def video_in_canvas(draw: Draw, inside: Part) -> Part:
    file = draw.pick(*VIDEO)
    paint = "c.drawImage(v, 0, 0, 64, 44)"
    loop = draw.pick(
        each_frame(paint),
        f"const f = () => {{ {paint}; v.requestVideoFrameCallback(f) }}; v.requestVideoFrameCallback(f);\n",
    )
    return Part(
        html=tag(draw, name="canvas", attributes='width="64" height="44"'),
        style=draw.place(),
        media=frozenset({file}),
        script=f"""const v = document.createElement("video"), c = e.getContext("2d");
v.src = "{file}";
v.muted = true;
{draw.pick("v.loop = true;", "")}
v.play();
{loop}""",
    )


@element(weight=0.7)
def video_added_by_timer(draw: Draw, inside: Part) -> Part:
    file = draw.pick(*VIDEO)
    return Part(
        html=tag(draw),
        style=f"{draw.place()}; overflow: hidden",
        media=frozenset({file}),
        script=f"""setTimeout(() => {{
  e.innerHTML = '<video src="{file}" width="60" {draw.pick("autoplay", "muted", "")}></video>';
  {draw.pick("e.firstChild.play();", "")}
}}, {draw.ms(30, 700)});
""",
    )


@element(weight=1)
def audio(draw: Draw, inside: Part) -> Part:
    file = draw.pick(*AUDIO)
    script = "".join(_commands(draw) for _ in range(draw.whole(0, 3)))
    return Part(
        html=_media(draw, "audio", file).replace("controls", ""),
        media=frozenset({file}),
        script=draw.pick("", "e.pause();\n", "e.play();\n") + script,
    )


@element(weight=0.7)
def audio_object(draw: Draw, inside: Part) -> Part:
    file = draw.pick(*AUDIO)
    return Part(
        html=tag(draw),
        media=frozenset({file}),
        script=f"""const a = new Audio("{file}");
setTimeout(() => a.play(), {draw.ms()});
setTimeout(() => {{ {draw.pick("a.pause()", "a.volume = 0.3", "a.muted = true", "a.currentTime = 0.2")} }}, {draw.ms()});
""",
    )


@effect(weight=0.5)
def removed_by_timer(draw: Draw) -> Part:
    """Remove the element from the page, which stops its media."""
    again = draw.pick("", f"setTimeout(() => parent.append(e), {draw.ms(500, 900)});\n")
    return Part(
        script=f"const parent = e.parentNode;\nsetTimeout(() => e.remove(), {draw.ms(50, 500)});\n{again}"
    )
