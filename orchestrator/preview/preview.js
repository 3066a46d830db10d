const token = new URLSearchParams(location.search).get("token");
const at = (path, version = "") => `${path}?token=${encodeURIComponent(token)}&v=${version}`;
const $ = (id) => document.getElementById(id);
let state = { version: 0, frames: 0, fps: 30, chunks: [], lines: [], error: null };
let frame = 0, shown = null, wanted = null, drawing = false, playing = false, pace = [];

const time = (number) => format.clock(number / state.fps, 3);
const clamp = (number) => Math.max(0, Math.min(state.frames - 1, number));
const status = (text) => { $("status").textContent = text; };

async function show(number, image, caption, label) {
  const answer = await fetch(at(`/frame/${number}`, state.version));
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).message ?? answer.statusText);
  const seconds = Number(answer.headers.get("X-Draw-Seconds"));
  const url = URL.createObjectURL(await answer.blob());
  const old = image.src;
  image.src = url;
  await image.decode().catch(() => {});
  if (old.startsWith("blob:")) URL.revokeObjectURL(old);
  image.alt = `Frame ${number}`;
  caption.textContent = `${label} ${number}`;
  return seconds;
}

// One request at a time: of several wishes while one is drawn, the last is drawn next.
async function draw() {
  if (drawing) return;
  drawing = true;
  while (wanted !== null) {
    const { number, version } = wanted;
    wanted = null;
    status("drawing");
    try {
      const seconds = await show(number, $("picture"), $("caption"), "Frame");
      if (!$("second").hidden) {
        if (number + 1 < state.frames) await show(number + 1, $("next-picture"), $("next-caption"), "Frame");
        else { $("next-picture").removeAttribute("src"); $("next-caption").textContent = "no frame after it"; }
      }
      shown = { number, version };
      pace.push(performance.now());
      pace = pace.slice(-12);
      const fps = pace.length > 1 ? (1000 * (pace.length - 1)) / (pace.at(-1) - pace[0]) : 0;
      status(playing && fps ? `${fps.toFixed(1)} frames/s` : seconds ? `drawn in ${Math.round(seconds * 1000)} ms` : "kept picture");
      document.body.dataset.shown = `${version}:${number}`;
      audio.load(version);
    } catch (fault) {
      playing = false;
      status("");
    }
    if (playing && wanted === null) frame < state.frames - 1 ? go(frame + 1) : play(false);
  }
  drawing = false;
  tell();
}

function go(number) {
  if (!state.frames) return;
  frame = clamp(number);
  tell();
  if (!state.error) { wanted = { number: frame, version: state.version }; draw(); }
}

function play(on) {
  playing = on && state.frames > 1;
  pace = [];
  if (playing) go(frame >= state.frames - 1 ? 0 : frame + 1);
  tell();
}

function tell() {
  $("frame").textContent = `${frame}`;
  $("time").textContent = `of ${Math.max(0, state.frames - 1)} \u00b7 ${time(frame)}`;
  $("scrub").value = frame;
  audio.mark();
  $("scrub").setAttribute("aria-valuetext", `Frame ${frame}, ${time(frame)}`);
  $("play").querySelector("span").textContent = playing ? "Pause" : "Play";
  $("play").querySelector("path").setAttribute("d", playing ? "M3 2h4v12H3zM9 2h4v12H9z" : "M3 2v12l10-6z");
}

function update(next) {
  const isNew = next.version !== state.version || (state.error && !next.error) || !state.frames;
  state = next;
  const name = format.fileName(state.source);
  document.title = `${name} - preview`;
  $("name").textContent = name;
  if (state.width) {
    fill($("facts"), [
      `${state.width} \u00d7 ${state.height}`,
      `${Number(state.fps.toFixed(3))} fps`,
      `${state.frames} frames`,
      state.isLengthKnown ? `${Number((state.frames / state.fps).toFixed(3))} s` : "length not declared",
      format.plural(state.chunks.length, "chunk"),
    ].map((text) => h("span", {}, text)));
    document.documentElement.style.setProperty("--ratio", `${state.width} / ${state.height}`);
    document.documentElement.style.setProperty("--turn", state.height / state.width);
  }
  $("scrub").max = Math.max(0, state.frames - 1);
  const mark = (number, kind) => h("i", { class: kind, style: `left: ${(100 * number) / Math.max(1, state.frames - 1)}%` });
  const failures = state.lines.filter((line) => line.frame !== null && /error|assert/.test(line.level));
  fill($("marks"), state.chunks.slice(1).map((start) => mark(start)), failures.map((line) => mark(line.frame, "bad")));
  const lines = state.lines.map((line) => h("li", {},
    h("button", { class: `level-${line.level}`, onclick: line.frame === null ? null : () => go(line.frame) },
      h("b", {}, line.frame === null ? "loading" : `${line.frame}`), h("span", {}, line.text))));
  fill($("lines"), lines.length ? lines : h("li", { class: "none" }, "The page logged nothing."));
  $("command").textContent = state.command;
  const props = JSON.stringify(state.props, null, 2);
  if (document.activeElement !== $("props") && $("props").dataset.from !== props) { $("props").value = props; $("props").dataset.from = props; }
  form.show(state.variables, state.props, setProps);
  $("error").hidden = !state.error;
  if (state.error) {
    const [head, text, hint] = $("error").children;
    head.textContent = state.error.code;
    text.textContent = [state.error.message, ...(state.error.details ?? [])].join("\n");
    hint.textContent = state.error.hint ?? "";
    status("stopped by an error");
    playing = false;
  }
  document.body.dataset.version = state.version;
  document.body.dataset.error = state.error?.code ?? "";
  if (isNew && !state.error && state.frames) go(frame);
  tell();
}

const boundary = (direction) => {
  const found = direction > 0 ? state.chunks.find((start) => start > frame) : state.chunks.findLast((start) => start < frame);
  if (found !== undefined) go(found);
};
const toggle = (button, on) => button.setAttribute("aria-pressed", on);
const pause = (then) => () => { playing = false; then(); };
// Return the JSON value that is answered; an error with the server's message if it refuses.
const send = async (path, body) => {
  const answer = await fetch(at(path), { method: "POST", body });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  throw new Error(text.startsWith("{") ? JSON.parse(text).message : text);
};
const applyProps = async (text) => {
  status("loading");
  const fault = await send("/props", text).then(() => "", (error) => error.message);
  $("props-fault").textContent = fault;
  $("props").setAttribute("aria-invalid", fault !== "");
  if (fault) status("");
  else $("props").dataset.from = "";
};
const setProps = (props) => applyProps(JSON.stringify(props));
const actions = {
  first: pause(() => go(0)), last: pause(() => go(state.frames - 1)),
  back: pause(() => go(frame - 1)), forward: pause(() => go(frame + 1)),
  "chunk-back": pause(() => boundary(-1)), "chunk-forward": pause(() => boundary(1)),
  play: () => play(!playing),
  both: () => { $("second").hidden = !$("second").hidden; toggle($("both"), !$("second").hidden); $("stage").classList.toggle("both", !$("second").hidden); go(frame); },
  areas: () => { const on = document.querySelector(".safe").hidden; for (const area of document.querySelectorAll(".safe")) area.hidden = !on; toggle($("areas"), on); },
  apply: () => applyProps($("props").value),
  render: async () => {
    const { command, message } = await send("/command").catch(({ message }) => ({ message }));
    if (message) return void ($("copied").textContent = message);
    const copied = await navigator.clipboard?.writeText(command).then(() => true, () => false);
    $("copied").textContent = copied ? "printed in the terminal, and copied" : "printed in the terminal";
  },
};
for (const [id, action] of Object.entries(actions)) $(id).onclick = action;
$("scrub").oninput = () => { playing = false; go(Number($("scrub").value)); };
const keys = { " ": "play", ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last", "[": "chunk-back", "]": "chunk-forward", b: "both", s: "areas" };
addEventListener("keydown", (event) => {
  if (event.target.closest("textarea, #form input, #form select") || event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) actions.apply();
    return;
  }
  const name = keys[event.key];
  if (!name || (event.key === " " && event.target.closest("button"))) return;
  event.preventDefault();
  if (event.shiftKey && event.key.startsWith("Arrow")) { playing = false; go(frame + (name === "back" ? -10 : 10)); }
  else actions[name]();
});
const stop = () => { playing = false; };
const events = new EventSource(at("/events"));
events.onmessage = (event) => update(JSON.parse(event.data));
events.onerror = () => status("the command has ended");
