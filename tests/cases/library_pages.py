"""Real libraries, each with a page whose values can be worked out."""

from math import exp

from tests.cases.case import case
from tests.cases.shown import BLACK, BLUE, RED, WHITE, Shown, mixed, near

_GSAP = {"gsap.min.js": "gsap/dist/gsap.min.js"}
_BOXES = """b { position: absolute; left: 0; width: 10px; height: 10px; background: rgb(204, 0, 0) }
b:nth-of-type(2) { top: 20px } b:nth-of-type(3) { top: 40px } b:nth-of-type(4) { top: 60px }"""
_THREE = "<b></b><b></b><b></b>"


@case(
    """<b></b><script src="gsap.min.js"></script>
<script>
const timeline = gsap.timeline({ paused: true });
timeline.to("b", { x: 120, duration: 1, ease: "none" });
window.__timelines = { timeline };
</script>""",
    css=_BOXES,
    libraries=_GSAP,
    seconds=1,
    rate=60,
)
def gsap_timeline_that_is_driven(shown: Shown) -> None:
    assert shown.left(5, RED, range(60)) == near([2 * n for n in range(60)], 1)


@case(
    """<b></b><script src="gsap.min.js"></script>
<script>gsap.to("b", { x: 120, duration: 1, ease: "none" })</script>""",
    css=_BOXES,
    libraries=_GSAP,
    seconds=1,
)
def gsap_that_runs_by_itself(shown: Shown) -> None:
    assert shown.left(5, RED, range(30)) == near([4 * n for n in range(30)], 1)


@case(
    """<b></b><b class="late"></b><b class="late"></b><b></b><p></p>
<script type="module">
import { gsap } from "./gsap/index.js";
import { MotionPathPlugin } from "./gsap/MotionPathPlugin.js";
gsap.registerPlugin(MotionPathPlugin);
gsap.to("b:nth-of-type(1)", { x: 60, duration: 2, ease: "none" });
gsap.from(".late", { x: 60, opacity: 0, duration: 1, stagger: 0.5, ease: "none" });
const path = [{ x: 0, y: 0 }, { x: 60, y: -15 }, { x: 120, y: 0 }];
gsap.to("b:nth-of-type(4)", { motionPath: { path }, duration: 2, ease: "none" });
gsap.delayedCall(1, () => (document.querySelector("p").style.background = "rgb(0, 102, 204)"));
const timeline = gsap.timeline({ delay: 0.5 });
timeline.to("p", { x: 60, duration: 0.5, ease: "none" }).to("p", { x: 0, duration: 0.5, ease: "none" });
</script>""",
    css=f"{_BOXES} p {{ position: absolute; left: 0; top: 80px; width: 10px; height: 10px }}",
    libraries={"gsap": "gsap"},
    seconds=2.4,
)
def gsap_as_modules(shown: Shown) -> None:
    assert shown.left(5, RED, [16, 30, 48]) == near([16, 30, 48], 1)
    # Fading in as they come, so that a paler red counts, too.
    assert shown.left(25, RED, [20, 31], within=190) == near([20, 0], 2)
    assert shown.left(45, RED, [30, 46], within=190) == near([30, 0], 2)
    # Half way, 15 px higher.
    assert shown.left(52, RED, [30]) == near([60], 2)
    assert shown.width(85, BLUE, [29, 31]) == [0, 10]
    assert shown.left(85, BLUE, [32, 36, 48]) == near([52, 36, 0], 3)


@case(
    """<p id="one"><b></b></p><p id="two"><b></b></p><i></i><script src="gsap.min.js"></script>
<script>
const timeline = gsap.timeline({ paused: true });
timeline.set("#one", { autoAlpha: 1 }, 0).set("#one", { autoAlpha: 0 }, 0.5);
timeline.set("#two", { autoAlpha: 1 }, 1).to({}, { duration: 0.5 }, 1);
window.__timelines = { timeline };
</script>""",
    css="""p { position: absolute; inset: 0; background: #000; visibility: hidden; opacity: 0 }
b { position: absolute; left: 20px; top: 20px; width: 40px; height: 30px; background: #fff }
#two b { left: 90px } i { position: absolute; bottom: 0; width: 160px; height: 20px; background: #f008 }""",
    libraries=_GSAP,
    seconds=1.5,
)
def gsap_scenes_with_a_gap(shown: Shown) -> None:
    assert shown.colours(40, 35, [0, 8, 14]) == near([WHITE] * 3, 5)
    assert shown.colours(110, 35, [30, 37, 44]) == near([WHITE] * 3, 5)
    red = (255, 0, 0)
    veil = [mixed(red, 0.533, BLACK), mixed(red, 0.533), mixed(red, 0.533, BLACK)]
    assert shown.colours(80, 80, [8, 22, 37]) == near(veil, 5)


@case(
    """<b></b><script src="gsap.min.js"></script>
<script>
const calls = { update: 0 };
const timeline = gsap.timeline({
  paused: true,
  onUpdate: () => (document.querySelector("b").style.width = `${60 * timeline.progress()}px`),
});
timeline.to({}, { duration: 1 });
timeline.call(() => (document.body.style.background = "rgb(0, 102, 204)"), null, 0.5);
window.__timelines = { timeline };
</script>""",
    css=_BOXES,
    libraries=_GSAP,
    seconds=1,
)
def gsap_callbacks_of_a_driven_timeline(shown: Shown) -> None:
    assert shown.width(5, RED, [6, 15, 24]) == near([12, 30, 48], 1)
    assert shown.colours(100, 80, [12, 17]) == near([WHITE, BLUE], 5)


@case(
    """<main><b></b></main><script src="gsap.min.js"></script><script src="ScrollTrigger.min.js"></script>
<script>
gsap.registerPlugin(ScrollTrigger);
const scrollTrigger = { start: 0, end: 200, scrub: true };
gsap.to("b", { x: 100, ease: "none", scrollTrigger });
const scroll = (t) => {
  scrollTo(0, t * 0.2);
  requestAnimationFrame(scroll);
};
requestAnimationFrame(scroll);
</script>""",
    css=f"{_BOXES} main {{ height: 290px }} b {{ position: fixed }}",
    libraries={**_GSAP, "ScrollTrigger.min.js": "gsap/dist/ScrollTrigger.min.js"},
    seconds=1,
    replay=True,
)
def gsap_scroll_trigger(shown: Shown) -> None:
    # 100 px over a scroll of 200 px at 200 px/s; it may lag by a frame.
    assert shown.left(5, RED, [6, 15, 24]) == near([20, 50, 80], 4)


@case(
    """<b></b><b></b><b></b><script src="anime.js"></script>
<script>
anime.animate("b:nth-of-type(1)", { x: 120, duration: 1000, ease: "linear" });
const timeline = anime.createTimeline({ defaults: { duration: 500, ease: "linear" } });
timeline.add("b:nth-of-type(2)", { x: 60 }).add("b:nth-of-type(2)", { x: 0 });
anime.animate("b:nth-of-type(3)", { opacity: 0, duration: 500, delay: 250, ease: "linear" });
</script>""",
    css=_BOXES,
    libraries={"anime.js": "animejs/dist/bundles/anime.umd.min.js"},
    seconds=1.1,
)
def anime(shown: Shown) -> None:
    assert shown.left(5, RED, [8, 15, 24]) == near([32, 60, 96], 5)
    assert shown.left(25, RED, [8, 15, 24]) == near([32, 60, 24], 5)
    assert shown.colours(5, 45, [5, 15, 28]) == near([RED, mixed(RED, 0.5), WHITE], 24)


@case(
    """<b></b><b></b><b></b><script src="motion.js"></script>
<script>
const { animate } = Motion;
animate("b:nth-of-type(1)", { x: 120 }, { duration: 1, ease: "linear" });
animate("b:nth-of-type(2)", { x: 120 }, { type: "spring", stiffness: 100, damping: 20 });
const [there, back] = [{ x: 60 }, { x: 0 }];
const timing = { duration: 0.5, ease: "linear" };
animate([["b:nth-of-type(3)", there, timing], ["b:nth-of-type(3)", back, timing]]);
</script>""",
    css=_BOXES,
    libraries={"motion.js": "motion/dist/motion.js"},
    seconds=1.2,
)
def motion(shown: Shown) -> None:
    assert shown.left(5, RED, [8, 15, 24]) == near([32, 60, 96], 2)
    assert shown.left(45, RED, [8, 15, 24]) == near([32, 60, 24], 3)
    # Stiffness 100 and damping 20 are critical for a mass of 1: the spring has this closed form.
    times = [frame / 30 for frame in (0, 5, 10, 20)]
    spring = [120 * (1 - (1 + 10 * time) * exp(-10 * time)) for time in times]
    assert shown.left(25, RED, [0, 5, 10, 20]) == near(spring, 2)


@case(
    """<svg width="160" height="90"></svg><script src="d3.min.js"></script>
<script>
const bar = (y, colour) =>
  d3.select("svg").append("rect").attr("y", y).attr("height", 10).attr("width", 0).attr("fill", colour)
    .transition().ease(d3.easeLinear);
bar(0, "rgb(204, 0, 0)").duration(500).attr("width", 120);
bar(20, "rgb(204, 0, 0)").delay(250).duration(500).attr("width", 120);
bar(40, "rgb(0, 102, 204)").duration(400).attr("width", 100)
  .transition().duration(400).ease(d3.easeLinear).attr("width", 20);
</script>""",
    libraries={"d3.min.js": "d3/dist/d3.min.js"},
    seconds=1,
)
def d3(shown: Shown) -> None:
    frames = [0, 6, 12, 18, 29]
    # A frame more or less: d3 begins to count at its first timer.
    assert shown.width(5, RED, frames) == near([0, 48, 96, 120, 120], 9)
    assert shown.width(25, RED, frames) == near([0, 0, 36, 84, 120], 9)
    assert shown.width(45, BLUE, frames) == near([0, 50, 100, 60, 20], 9)


@case(
    """<script type="importmap">{ "imports": { "three": "./three.module.js" } }</script>
<script type="module">
import * as three from "three";
const renderer = new three.WebGLRenderer({ antialias: false });
renderer.setSize(160, 90);
renderer.setClearColor(0xffffff);
renderer.outputColorSpace = three.LinearSRGBColorSpace;
document.body.append(renderer.domElement);
const camera = new three.OrthographicCamera(0, 160, 0, 90, -1, 1);
const scene = new three.Scene();
const material = new three.MeshBasicMaterial({ color: new three.Color().setRGB(0.8, 0, 0), side: 2 });
const mesh = new three.Mesh(new three.PlaneGeometry(10, 10), material);
scene.add(mesh);
renderer.setAnimationLoop((t) => {
  mesh.position.set(5 + t * 0.12, 20, 0);
  renderer.render(scene, camera);
});
</script>""",
    css="canvas { display: block }",
    libraries={
        "three.module.js": "three/build/three.module.js",
        "three.core.js": "three/build/three.core.js",
    },
    seconds=1,
)
def three(shown: Shown) -> None:
    assert shown.left(20, RED, [0, 8, 15, 29]) == near([0, 32, 60, 116], 1)


@case(
    """<script src="pixi.min.js"></script>
<script type="module">
const app = new PIXI.Application();
await app.init({ width: 160, height: 90, background: "#fff", preference: "webgl" });
document.body.append(app.canvas);
const box = (y, colour) => {
  const made = new PIXI.Graphics().rect(0, y, 10, 10).fill(colour);
  app.stage.addChild(made);
  return made;
};
const [clock, delta] = [box(0, "rgb(204, 0, 0)"), box(20, "rgb(0, 102, 204)")];
app.ticker.add((ticker) => {
  clock.x = performance.now() * 0.12;
  delta.x += ticker.deltaMS * 0.12;
});
</script>""",
    css="canvas { display: block }",
    libraries={"pixi.min.js": "pixi.js/dist/pixi.min.js"},
    seconds=1,
    replay=True,
)
def pixi(shown: Shown) -> None:
    frames = [1, 8, 15, 29]
    assert shown.left(5, RED, frames) == near([4, 32, 60, 116], 5)
    assert shown.left(25, BLUE, frames) == near([4, 32, 60, 116], 5)


@case(
    """<script src="p5.min.js"></script>
<script>
function setup() {
  createCanvas(160, 90);
  noStroke();
}
function draw() {
  background(255);
  fill(204, 0, 0);
  rect(millis() * 0.12, 0, 10, 10);
  fill(0, 102, 204);
  rect(frameCount * 2, 20, 10, 10);
}
</script>""",
    css="canvas { display: block }",
    libraries={"p5.min.js": "p5/lib/p5.min.js"},
    seconds=1,
    replay=True,
)
def p5(shown: Shown) -> None:
    # p5 sets itself up asynchronously and draws from frame 1 on.
    assert shown.left(5, RED, [1, 8, 15, 29]) == near([4, 32, 60, 116], 1)
    assert shown.left(25, BLUE, [1, 8, 15, 29]) == near([2, 16, 30, 58], 1)


_LOTTIE = """{ "v": "5.7.0", "fr": 30, "ip": 0, "op": 30, "w": 160, "h": 30, "assets": [], "layers": [
{ "ty": 4, "ind": 1, "ip": 0, "op": 30, "st": 0, "ks": {
  "p": { "a": 1, "k": [
    { "t": 0, "s": [10, 15, 0], "e": [130, 15, 0], "i": { "x": [1], "y": [1] }, "o": { "x": [0], "y": [0] } },
    { "t": 30, "s": [130, 15, 0] }] } },
  "shapes": [{ "ty": "gr", "it": [
    { "ty": "rc", "s": { "a": 0, "k": [10, 10] }, "p": { "a": 0, "k": [0, 0] }, "r": { "a": 0, "k": 0 } },
    { "ty": "fl", "c": { "a": 0, "k": [0.8, 0, 0, 1] }, "o": { "a": 0, "k": 100 } },
    { "ty": "tr", "p": { "a": 0, "k": [0, 0] }, "a": { "a": 0, "k": [0, 0] }, "s": { "a": 0, "k": [100, 100] },
      "r": { "a": 0, "k": 0 }, "o": { "a": 0, "k": 100 } }] }] }] }"""


@case(
    """<p id="svg"></p><p id="canvas"></p><script src="lottie.min.js"></script>
<script>
for (const renderer of ["svg", "canvas"]) {
  const container = document.getElementById(renderer);
  lottie.loadAnimation({ container, renderer, loop: true, autoplay: true, path: "data.json" });
}
</script>""",
    css="p { width: 160px; height: 30px }",
    files={"data.json": _LOTTIE},
    libraries={"lottie.min.js": "lottie-web/build/player/lottie.min.js"},
    seconds=1.6,
)
def lottie(shown: Shown) -> None:
    frames = [0, 1, 8, 15, 29, 31, 40]
    # 120 px in a second, from the start again after it. A frame more or less.
    want = near([5 + 4 * (frame % 30) for frame in frames], 5)
    assert shown.left(15, RED, frames) == want
    assert shown.left(45, RED, frames) == want


@case(
    """<div><canvas></canvas></div><script src="chart.umd.js"></script>
<script>
new Chart(document.querySelector("canvas"), {
  type: "bar",
  data: { labels: ["a", "b", "c"], datasets: [{ data: [3, 2, 1], backgroundColor: "rgb(204, 0, 0)" }] },
  options: { animation: { duration: 500, easing: "linear" }, plugins: { legend: { display: false } } },
});
</script>""",
    css="div { width: 160px; height: 90px }",
    libraries={"chart.umd.js": "chart.js/dist/chart.umd.js"},
    seconds=0.8,
)
def chart_js(shown: Shown) -> None:
    areas = shown.area(RED, [0, 4, 8, 12, 16, 23])
    shares = [area / areas[-1] for area in areas]
    assert shares == near([0, 0.267, 0.533, 0.8, 1, 1], 0.08)


@case(
    """<div></div><script src="echarts.min.js"></script>
<script>
const chart = echarts.init(document.querySelector("div"));
chart.setOption({
  animationDuration: 500, animationEasing: "linear",
  grid: { left: 5, right: 5, top: 5, bottom: 5 },
  xAxis: { data: ["a", "b", "c"], show: false }, yAxis: { show: false },
  series: [{ type: "bar", data: [3, 2, 1], itemStyle: { color: "rgb(0, 102, 204)" } }],
});
setTimeout(() => chart.setOption({ series: [{ data: [1, 1, 1] }] }), 700);
</script>""",
    css="div { width: 160px; height: 90px }",
    libraries={"echarts.min.js": "echarts/dist/echarts.min.js"},
    seconds=1.4,
)
def echarts(shown: Shown) -> None:
    areas = shown.area(BLUE, [4, 8, 12, 17, 20])
    assert [area / areas[-1] for area in areas] == near([0.267, 0.533, 0.8, 1, 1], 0.08)
    assert shown.area(BLUE, [41])[0] != areas[-1]


@case(
    """<div id="app"><transition name="fade"><b v-if="on"></b></transition>
<transition-group name="list" tag="p"><i v-for="one in list" :key="one">{{ one }}</i></transition-group></div>
<script src="vue.js"></script>
<script>
Vue.createApp({
  data: () => ({ on: false, list: [1, 2, 3] }),
  mounted() {
    setTimeout(() => (this.on = true), 200);
    setTimeout(() => (this.list = [3, 1, 4, 2]), 400);
    setTimeout(() => (this.on = false), 800);
  },
}).mount("#app");
</script>""",
    css="""b { position: absolute; left: 100px; width: 40px; height: 40px; background: rgb(204, 0, 0) }
i { display: block; width: 60px; font: 12px monospace; background: rgb(0, 102, 204) }
.fade-enter-active, .fade-leave-active { transition: opacity 0.4s linear }
.fade-enter-from, .fade-leave-to { opacity: 0 }
.list-move, .list-enter-active { transition: all 0.4s linear } .list-enter-from { opacity: 0 }""",
    libraries={"vue.js": "vue/dist/vue.global.prod.js"},
    seconds=1.4,
)
def vue(shown: Shown) -> None:
    # From 0.2 s to 0.6 s it comes, from 0.8 s to 1.2 s it goes: half way at frame 12.
    assert shown.colours(120, 20, [12, 21, 38]) == near([mixed(RED, 0.5), RED, WHITE], 50)


def _moves(shown: Shown) -> None:
    assert shown.left(5, RED, [0, 8, 15, 24]) == near([0, 32, 60, 96], 4.1)
    # Something appears at 0.5 s and fades in over 0.4 s.
    assert shown.colours(120, 45, [14, 21, 29]) == near([WHITE, mixed(BLUE, 0.5), BLUE], 50)


@case(
    '<div id="root"></div><script src="react.js"></script>',
    css=f"""{_BOXES} i {{ position: absolute; left: 100px; top: 30px; width: 40px; height: 40px;
  background: rgb(0, 102, 204); animation: fade 0.4s linear both }}
@keyframes fade {{ from {{ opacity: 0 }} }}""",
    libraries={"react.js": ".bundles/react.js"},
    seconds=1,
)
def react(shown: Shown) -> None:
    _moves(shown)


@case(
    '<div id="root"></div><script src="svelte.js"></script>',
    css=_BOXES,
    libraries={"svelte.js": ".bundles/svelte.js"},
    seconds=1,
)
def svelte(shown: Shown) -> None:
    _moves(shown)
