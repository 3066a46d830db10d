// The video's timeline: pictures, chunks, the time that frames took, the audio, one above the other.

class Timeline {
  constructor(model) {
    this.model = model;
    this.frame = 0;
    this.film = h("div", { class: "film" });
    this.cursor = h("div", { class: "cursor", hidden: true });
    this.states = new Canvas((...values) => this.#drawStates(...values), { height: 12 });
    this.times = new Canvas((...values) => this.#drawTimes(...values), { height: 72 });
    this.wave = new Canvas((...values) => this.#drawWave(...values), { height: 36 });
    this.ticks = new Canvas((...values) => this.#drawTicks(...values), { height: 16 });
    this.track = h("div", {
      class: "track", tabindex: "0", role: "slider", "aria-label": "Frame on the timeline",
      "aria-valuemin": "0", "aria-valuemax": String(model.report.video.frames - 1),
      onkeydown: (event) => this.#onKey(event),
      onpointermove: (event) => this.#onMove(event),
      onpointerleave: () => this.#leave(),
      onblur: () => this.#leave(),
      onclick: (event) => { const frame = this.#frameAt(event); if (frame !== null) model.select(model.chunkAt(frame).id); },
    });
    this.element = section("Timeline", { side: legend(KINDS.map(([, name, color]) => [name, color])) }, this.track);
    new ResizeObserver(() => this.#fill()).observe(this.film);
    model.on("change", () => this.refresh());
    this.refresh();
    this.#describe();
  }

  refresh() {
    const { report } = this.model;
    const spans = this.model.chunks.some((chunk) => chunk.spans.length);
    const shown = [["frames", this.film], ["chunks", this.states.element]];
    if (spans) shown.push(["time per frame", this.times.element]);
    if (report.waveform.length) shown.push(["audio", this.wave.element]);
    shown.push(["", this.ticks.element]);
    const names = shown.map(([name]) => name).join();
    if (names !== this.shown) {
      this.shown = names;
      this.track.replaceChildren(...shown.flatMap(([name, element]) => [h("div", { class: "label" }, name), element]), this.cursor);
    }
    for (const canvas of [this.states, this.times, this.wave, this.ticks]) canvas.refresh();
    this.#fill();
  }

  get #frames() { return this.model.report.video.frames; }

  // Places that the pictures have: each shows the one nearest to it, if that is near.
  #fill() {
    const width = this.film.clientWidth;
    const { filmstrip, video } = this.model.report;
    if (!width) return;
    const count = Math.max(1, Math.min(Math.round(width / (this.film.clientHeight * video.width / video.height)), 60));
    const done = this.model.chunks.reduce((sum, chunk) => sum + (chunk.state === "done"), 0);
    const key = `${count} ${filmstrip.length} ${filmstrip.at(-1)?.frame} ${done}`;
    if (key === this.filled) return;
    this.filled = key;
    const places = [];
    for (let place = 0; place < count; place++) {
      const middle = (place + 0.5) * this.#frames / count;
      const found = this.#nearest(middle);
      // A picture that is held for long is there only once.
      const shown = found && (this.model.chunkAt(middle).state === "done" || Math.abs(found.frame - middle) <= this.#frames / count);
      places.push(h("div", shown ? { style: `background-image: url("${pictureUrl(found.jpeg)}")` } : {}));
    }
    this.film.replaceChildren(...places);
  }

  #nearest(frame) {
    let best = null;
    for (const each of this.model.report.filmstrip) {
      if (!best || Math.abs(each.frame - frame) < Math.abs(best.frame - frame)) best = each;
    }
    return best;
  }

  #drawStates(context, width) {
    const scale = width / this.#frames;
    const gap = this.model.chunks.length < width / 6 ? 1 : 0;
    for (const chunk of this.model.chunks) {
      const left = chunk.startFrame * scale, length = Math.max(0.7, chunk.frames * scale - gap);
      const color = { done: "--done", failed: "--failed", running: "--running" }[chunk.state] ?? "--waiting";
      context.fillStyle = Canvas.color(chunk.state === "running" && chunk.framesDone !== undefined ? "--waiting" : color);
      context.fillRect(left, 1, length, 10);
      if (chunk.state === "running" && chunk.framesDone) {
        context.fillStyle = Canvas.color("--running");
        context.fillRect(left, 1, length * chunk.framesDone / chunk.frames, 10);
      }
      if (chunk.id === this.model.selected) {
        context.strokeStyle = Canvas.color("--text");
        context.strokeRect(left + 0.5, 0.5, Math.max(1, length - 1), 11);
      }
    }
  }

  #drawTimes(context, width, height) {
    const spans = this.model.chunks.flatMap((chunk) => chunk.spans);
    const most = largest(spans.map((span) => KINDS.reduce((sum, [kind]) => sum + span[kind], 0) / span.frames), 1e-6);
    const scale = width / this.#frames;
    for (const span of spans) {
      let y = height;
      const left = span.start * scale, length = Math.max(0.6, span.frames * scale + 0.4);
      for (const [kind, , color] of KINDS) {
        const part = (span[kind] / span.frames / most) * (height - 16);
        context.fillStyle = Canvas.color(color);
        context.fillRect(left, y - part, length, part + 0.3);
        y -= part;
      }
    }
    context.fillStyle = Canvas.color("--muted");
    context.textAlign = "right";
    context.fillText(`up to ${format.milliseconds(most)}`, width, 7);
    context.fillStyle = Canvas.color("--line");
    context.fillRect(0, height - 1, width, 1);
  }

  #drawWave(context, width, height) {
    const { waveform } = this.model.report;
    const loudest = largest(waveform, 1), step = width / waveform.length;
    context.fillStyle = Canvas.color("--wave");
    waveform.forEach((value, index) => {
      const tall = Math.max(1, (value / loudest) * height);
      context.fillRect(index * step, (height - tall) / 2, Math.max(0.6, step - (step > 2 ? 1 : 0)), tall);
    });
  }

  #drawTicks(context, width) {
    const { duration } = this.model.report.video;
    context.fillStyle = Canvas.color("--muted");
    axis(duration, width, (x, text) => {
      context.textAlign = x < 12 ? "left" : x > width - 16 ? "right" : "center";
      context.fillText(text, x, 9);
    });
  }

  #frameAt(event) {
    const box = this.states.element.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return share < 0 || share > 1 ? null : Math.min(this.#frames - 1, Math.floor(share * this.#frames));
  }

  #onMove(event) {
    const frame = this.#frameAt(event);
    if (frame === null) return this.#leave();
    this.#moveTo(frame);
    this.#tell(event.clientX, event.clientY);
  }

  #moveTo(frame) {
    this.frame = frame;
    const box = this.states.element.getBoundingClientRect(), track = this.track.getBoundingClientRect();
    this.cursor.hidden = false;
    this.cursor.style.left = `${box.left - track.left + ((frame + 0.5) / this.#frames) * box.width}px`;
  }

  #tell(x, y) {
    const found = this.#nearest(this.frame), chunk = this.model.chunkAt(this.frame);
    const span = chunk.spans.findLast((each) => each.start <= this.frame);
    tip.show(x, y, found && picture(found.jpeg),
      h("div", {}, h("b", {}, `Frame ${format.count(this.frame)}`), ` · ${format.clock(this.frame / this.model.report.video.fps, 2)} · chunk ${chunk.id}`),
      span && h("div", { class: "muted" }, KINDS.filter(([kind]) => span[kind] > 0)
        .map(([kind, name]) => `${name} ${format.milliseconds(span[kind] / span.frames)}`).join(", ")));
  }

  #leave() {
    this.cursor.hidden = true;
    tip.hide();
  }

  #describe() {
    const chunk = this.model.chunkAt(this.frame);
    this.track.setAttribute("aria-valuenow", String(this.frame));
    this.track.setAttribute("aria-valuetext",
      `Frame ${this.frame}, ${format.clock(this.frame / this.model.report.video.fps, 2)}, chunk ${chunk.id}, ${chunk.state}`);
  }

  #onKey(event) {
    const page = Math.max(1, Math.round(this.#frames / 20));
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageUp: page, PageDown: -page, Home: -this.#frames, End: this.#frames };
    if (event.key in steps) {
      this.#moveTo(Math.max(0, Math.min(this.#frames - 1, this.frame + steps[event.key])));
      const at = this.cursor.getBoundingClientRect();
      this.#tell(at.left, at.bottom);
      this.#describe();
    } else if (event.key === "Enter") {
      this.model.select(this.model.chunkAt(this.frame).id);
    } else return;
    event.preventDefault();
  }
}
