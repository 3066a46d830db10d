"""Canvases, drawn by scripts."""

from fuzz.pages.draw import HEIGHT, WIDTH, Draw
from fuzz.pages.kinds import element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag
from fuzz.pieces.motion.frame_callbacks import each_frame


def strokes(draw: Draw, context: str = "c") -> str:
    """Draw statements that paint the picture at `t` on a canvas of `w` by `h`."""
    c = context
    return "; ".join(
        draw.some(
            (
                f"{c}.fillStyle = '{draw.color()}'; {c}.fillRect(t / 20, 8, 20, 12)",
                f"{c}.fillStyle = '{draw.color()}'; {c}.beginPath(); {c}.arc(30 + t / 40, 20, 14, 0, 1 + t / 300); {c}.fill()",
                f"{c}.save(); {c}.translate(30, 20); {c}.rotate(t / 400); {c}.strokeStyle = '{draw.color()}'; {c}.lineWidth = 3; {c}.strokeRect(-9, -9, 18, 18); {c}.restore()",
                f"{c}.font = '14px DejaVu Sans'; {c}.fillStyle = '{draw.color()}'; {c}.fillText(Math.round(t), 4, 30)",
                f"{c}.globalAlpha = 0.5; {c}.fillStyle = '{draw.color()}'; {c}.fillRect(10, t / 40, 30, 9); {c}.globalAlpha = 1",
                f"{c}.filter = 'blur(2px)'; {c}.fillStyle = '{draw.color()}'; {c}.fillRect(20, 10, 15, 15); {c}.filter = 'none'",
                f"{c}.shadowBlur = 6; {c}.shadowColor = '#000'; {c}.fillStyle = '{draw.color()}'; {c}.fillRect(t / 30, 20, 9, 9); {c}.shadowBlur = 0",
                f"{c}.fillStyle = `hsl(${{Math.random() * 360}} 60% 50%)`; {c}.fillRect(Math.random() * 50, 5, 6, 6)",
                f"const g = {c}.createLinearGradient(0, 0, 60, t / 30); g.addColorStop(0, '{draw.color()}'); g.addColorStop(1, '{draw.color()}'); {c}.fillStyle = g; {c}.fillRect(0, 30, 60, 9)",
            ),
            3,
        )
    )


def _canvas(draw: Draw, width: int, height: int) -> str:
    return tag(draw, name="canvas", attributes=f'width="{width}" height="{height}"')


@element(weight=2)
def canvas(draw: Draw, inside: Part) -> Part:
    settings = draw.pick(
        "", "", ", { alpha: false }", ", { willReadFrequently: true }", ", { desynchronized: true }"
    )
    clear = draw.pick(
        "c.clearRect(0, 0, w, h)", f"c.fillStyle = '{draw.color()}'; c.fillRect(0, 0, w, h)"
    )
    return Part(
        html=_canvas(draw, 64, 44),
        style=draw.place(),
        script=each_frame(
            f"{clear}; {strokes(draw)}",
            before=f'const [w, h] = [e.width, e.height], c = e.getContext("2d"{settings});\n',
        ),
        # Translucent colours leave parts of earlier frames.
        stateful=" / " in clear,
    )


@element(weight=0.7)
def whole_page_canvas(draw: Draw, inside: Part) -> Part:
    return Part(
        html=_canvas(draw, WIDTH, HEIGHT),
        style="display: block",
        script=each_frame(
            f"c.clearRect(0, 0, {WIDTH}, {HEIGHT}); {strokes(draw)}",
            before='const c = e.getContext("2d");\n',
        ),
    )


@element(weight=0.7)
def canvas_with_memory(draw: Draw, inside: Part) -> Part:
    return Part(
        html=_canvas(draw, 64, 44),
        style=draw.place(),
        script=each_frame(
            f"c.fillStyle = '#fff1'; c.fillRect(0, 0, 64, 44); {strokes(draw)}",
            before='const c = e.getContext("2d");\n',
        ),
        stateful=True,
    )


@element(weight=1)
def canvas_by_timer(draw: Draw, inside: Part) -> Part:
    return Part(
        html=_canvas(draw, 64, 44),
        style=draw.place(),
        script=f"""const c = e.getContext("2d");
setInterval(() => {{ const t = performance.now(); c.clearRect(0, 0, 64, 44); {strokes(draw)} }}, {draw.ms(20, 200) + 1});
""",
    )


@element(weight=1)
def webgl(draw: Draw, inside: Part) -> Part:
    version = draw.pick("webgl", "webgl2")
    settings = draw.pick(
        "", ", { antialias: false }", ", { preserveDrawingBuffer: true }", ", { alpha: false }"
    )
    return Part(
        html=_canvas(draw, 64, 44),
        style=draw.place(),
        script=f"""const g = e.getContext("{version}"{settings});
const part = (kind, text) => {{
  const s = g.createShader(kind);
  g.shaderSource(s, text);
  g.compileShader(s);
  return s;
}};
const p = g.createProgram();
g.attachShader(p, part(g.VERTEX_SHADER, "attribute vec2 a; uniform float t; void main() {{"
  + " float c = cos(t), s = sin(t); gl_Position = vec4(mat2(c, s, -s, c) * a, 0, 1); }}"));
g.attachShader(p, part(g.FRAGMENT_SHADER, "precision mediump float; uniform float t;"
  + " void main() {{ gl_FragColor = vec4(0.5 + 0.5 * sin(t), {draw.number(0, 1)}, {draw.number(0, 1)}, 1); }}"));
g.linkProgram(p);
g.useProgram(p);
g.bindBuffer(g.ARRAY_BUFFER, g.createBuffer());
g.bufferData(g.ARRAY_BUFFER, new Float32Array([-0.8, -0.6, 0.9, -0.5, 0, 0.8]), g.STATIC_DRAW);
g.enableVertexAttribArray(0);
g.vertexAttribPointer(0, 2, g.FLOAT, false, 0, 0);
const at = g.getUniformLocation(p, "t");
{each_frame("g.clearColor(0, 0.1, 0.3, 0.4); g.clear(g.COLOR_BUFFER_BIT); g.uniform1f(at, t / 300); g.drawArrays(g.TRIANGLES, 0, 3)")}""",
    )


@element(weight=1)
def offscreen_canvas(draw: Draw, inside: Part) -> Part:
    show = draw.pick(
        ('e.getContext("2d")', "out.clearRect(0, 0, 64, 44); out.drawImage(o, 0, 0)"),
        (
            'e.getContext("bitmaprenderer")',
            "out.transferFromImageBitmap(o.transferToImageBitmap())",
        ),
    )
    return Part(
        html=_canvas(draw, 64, 44),
        style=draw.place(),
        script=each_frame(
            f"c.clearRect(0, 0, 64, 44); {strokes(draw)}; {show[1]}",
            before=f'const o = new OffscreenCanvas(64, 44), c = o.getContext("2d"), out = {show[0]};\n',
        ),
    )


@element(weight=1)
def canvas_of_images(draw: Draw, inside: Part) -> Part:
    how = draw.pick(
        "const i = new Image(); i.src = 'photo.jpg'; const ready = new Promise((done) => (i.onload = () => done(i)))",
        "const ready = fetch('photo.jpg').then((r) => r.blob()).then((b) => createImageBitmap(b))",
    )
    return Part(
        html=_canvas(draw, 64, 44),
        style=draw.place(),
        script=f"""const c = e.getContext("2d");
{how};
ready.then((image) => {{
{each_frame("c.clearRect(0, 0, 64, 44); c.drawImage(image, t / 40, 0, 50, 40)")}}});
""",
        media=frozenset({"photo.jpg"}),
    )


@element(weight=0.7)
def image_of_a_canvas(draw: Draw, inside: Part) -> Part:
    how = draw.pick(
        "e.src = o.toDataURL()",
        "o.toBlob((blob) => (e.src = URL.createObjectURL(blob)))",
    )
    return Part(
        html=tag(draw, name="img").replace("</img>", ""),
        style=draw.place(),
        script=f"""const o = document.createElement("canvas");
[o.width, o.height] = [64, 44];
const c = o.getContext("2d"), t = 400;
{strokes(draw)};
{how};
""",
    )
