"""Workers, which answer messages of the page."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag
from fuzz.pieces.canvases import strokes
from fuzz.pieces.motion.frame_callbacks import each_frame


@element(weight=0.7)
def worker_once(draw: Draw, inside: Part) -> Part:
    """Request a value from a worker while the page loads."""
    name = f"{draw.id}.js"
    work = "let n = 0; for (let i = 0; i < 3e5; i++) n = (n * 7 + i) % 99991; postMessage(n % 90)"
    start = draw.pick(
        f'new Worker("{name}")',
        f'new Worker("{name}", {{ type: "module" }})',
        f"new Worker(URL.createObjectURL(new Blob(['onmessage = () => {{ {work} }}'])))",
    )
    return Part(
        html=tag(draw, "..."),
        style=f"{draw.place()}; background: #ccd",
        files={name: f"onmessage = () => {{ {work} }};\n"},
        script=f"""const worker = {start};
worker.onmessage = ({{ data }}) => {{ e.textContent = data; e.style.rotate = `${{data}}deg` }};
worker.postMessage(0);
""",
    )


@element(weight=0.7)
def worker_each_frame(draw: Draw, inside: Part) -> Part:
    name = f"{draw.id}.js"
    return Part(
        html=tag(draw),
        style=f"{draw.place()}; background: #cdc",
        files={name: "onmessage = ({ data }) => postMessage(data / 9);\n"},
        script=f"""const worker = new Worker("{name}");
worker.onmessage = ({{ data }}) => (e.style.rotate = `${{data}}deg`);
{each_frame("worker.postMessage(t)")}""",
    )


@element(weight=0.7)
def worker_with_a_canvas(draw: Draw, inside: Part) -> Part:
    name = f"{draw.id}.js"
    return Part(
        html=tag(draw, name="canvas", attributes='width="64" height="44"'),
        style=draw.place(),
        files={
            name: f"""let c;
onmessage = ({{ data }}) => {{
  if (data.canvas) {{ c = data.canvas.getContext("2d"); return }}
  const t = data.t;
  c.clearRect(0, 0, 64, 44); {strokes(draw)};
}};
"""
        },
        script=f"""const worker = new Worker("{name}"), canvas = e.transferControlToOffscreen();
worker.postMessage({{ canvas }}, [canvas]);
{each_frame("worker.postMessage({ t })")}""",
    )


@element(weight=0.7)
def worker_by_its_clock(draw: Draw, inside: Part) -> Part:
    name = f"{draw.id}.js"
    how = draw.pick(
        f"setTimeout(() => postMessage(40), {draw.ms(100, 800)})",
        f"setInterval(() => postMessage(performance.now() / 9), {draw.ms(50, 300) + 1})",
        "const f = (t) => { postMessage(t / 9); requestAnimationFrame(f) }; requestAnimationFrame(f)",
    )
    return Part(
        html=tag(draw),
        style=f"{draw.place()}; background: #dcc",
        files={name: f"{how};\n"},
        script=f'const worker = new Worker("{name}");\n'
        "worker.onmessage = ({ data }) => (e.style.rotate = `${data}deg`);\n",
    )
