// When which worker rendered what: a bar for each attempt. Only what is in sight is drawn.

const ROW = 18, AXIS = 24;

class Waterfall {
  constructor(model) {
    this.model = model;
    this.zoom = 1;
    this.rows = [];
    this.canvas = new Canvas((...values) => this.#draw(...values), { height: () => this.#shownHeight() });
    this.room = h("div", { class: "room" });
    this.plot = h("div", {
      class: "plot", tabindex: "0", role: "application", "aria-roledescription": "waterfall",
      "aria-label": "Attempts at chunks over time. Left and right select a chunk, Enter shows it, plus and minus zoom.",
      onscroll: () => this.canvas.refresh(),
      onkeydown: (event) => this.#onKey(event),
      onpointermove: (event) => this.#onMove(event),
      onpointerleave: () => tip.hide(),
      onclick: (event) => this.#onClick(event),
    }, this.canvas.element, this.room);
    const zoomed = (label, name, factor) => h("button", {
      type: "button", "aria-label": name, onclick: () => this.#setZoom(factor === 0 ? 1 : this.zoom * factor),
    }, label);
    this.element = section("Workers", {
      side: [
        legend([["done", "--done"], ["running", "--running"], ["failed", "--failed"], ["backup", "--backup", true], ["stitching", "--merge"]]),
        zoomed("−", "Zoom out", 1 / 1.6), zoomed("+", "Zoom in", 1.6), zoomed("Fit", "Fit to width", 0),
      ],
    }, this.plot);
    model.on("change", () => this.refresh());
    model.on("select", () => this.canvas.refresh());
    this.refresh();
  }

  refresh() {
    const now = performance.now();
    // Many chunks take a while to arrange; what runs only gets longer meanwhile.
    if (this.model.changed && now - (this.arrangedAt ?? -Infinity) > (this.model.chunks.length > 2000 ? 1000 : 100)) {
      this.rows = this.model.lanes();
      this.arrangedAt = now;
      this.model.changed = false;
    }
    this.canvas.refresh();
  }

  get #height() { return AXIS + Math.max(1, this.rows.length) * ROW + 8; }

  #shownHeight() { return Math.min(this.#height, 338); }

  // Where the part with bars begins, and how long it is in the room that the plot scrolls over.
  #measure(width) {
    const longest = this.rows.reduce((most, row) => Math.max(most, row.label.length), 6);
    this.gutter = width < 560 ? 8 : Math.min(148, 24 + 7 * longest);
    this.span = (width - this.gutter - 16) * this.zoom;
  }

  #x(seconds) { return this.left + (seconds / this.end) * this.span; }

  #setZoom(zoom) {
    const middle = (this.plot.scrollLeft + this.canvas.width / 2) / this.zoom;
    this.zoom = Math.max(1, Math.min(200, zoom));
    this.canvas.refresh();
    requestAnimationFrame(() => { this.plot.scrollLeft = middle * this.zoom - this.canvas.width / 2; });
  }

  #draw(context, width, height) {
    this.end = this.model.end * 1.005;
    this.#measure(width);
    const { gutter, plot: { scrollTop: top, scrollLeft } } = this;
    this.left = gutter - scrollLeft;
    const [across, down] = [`${gutter + this.span + 16}px`, `${this.#height}px`];
    if (this.room.style.width !== across) this.room.style.width = across;
    if (this.room.style.height !== down) this.room.style.height = down;
    context.strokeStyle = Canvas.color("--faint");
    context.fillStyle = Canvas.color("--muted");
    context.textAlign = "left";
    context.save();
    context.beginPath();
    context.rect(gutter - 1, 0, width, height);
    context.clip();
    axis(this.end, this.span, (at, text) => {
      const x = Math.round(at + this.left) + 0.5;
      if (x < gutter - 60 || x > width + 60) return;
      context.fillText(text, x + 4, 12);
      context.beginPath();
      context.moveTo(x, 4);
      context.lineTo(x, height);
      context.stroke();
    });
    const first = Math.max(0, Math.floor((top - AXIS) / ROW));
    const last = Math.min(this.rows.length, Math.ceil((top + height - AXIS) / ROW) + 1);
    this.hits = [];
    context.beginPath();
    context.rect(gutter - 1, AXIS - 2, width, height);
    context.clip();
    for (let index = first; index < last; index++) this.#drawRow(context, this.rows[index], AXIS + index * ROW - top, width);
    context.restore();
    if (width < 560) return;
    context.fillStyle = Canvas.color("--muted");
    for (let index = first; index < last; index++) {
      const y = AXIS + index * ROW - top;
      if (this.rows[index].label && y > AXIS - 10) context.fillText(this.rows[index].label.slice(0, 20), 12, y + ROW / 2, gutter - 20);
    }
  }

  #drawRow(context, row, y, width) {
    if (row.merge) {
      const length = row.merge.seconds ?? this.end - row.merge.start;
      this.#bar(context, this.#x(row.merge.start), this.#x(row.merge.start + length), y, "--merge");
      return;
    }
    let drawn = -Infinity;
    for (const entry of row.entries) {
      const { chunk, attempt } = entry;
      const open = attempt.seconds === null || attempt.seconds === undefined;
      const left = this.#x(attempt.start);
      const right = this.#x(open ? (this.model.isActive ? this.end : attempt.start + 0.05) : attempt.start + attempt.seconds);
      if (left > width) break;
      // Bars thinner than a pixel beside each other would be drawn over one another.
      if (right < 0 || (right < drawn + 0.5 && !attempt.error)) continue;
      drawn = right;
      const state = this.model.attemptState(chunk, attempt);
      const color = state === "stopped" ? "--waiting" : `--${state}`;
      this.#bar(context, left, right, y, color, { hollow: attempt.backup, selected: chunk.id === this.model.selected, text: String(chunk.id) });
      this.hits.push({ entry, left, right, y });
    }
  }

  #bar(context, left, right, y, color, { hollow = false, selected = false, text = "" } = {}) {
    const width = Math.max(1.5, right - left - 1);
    context.fillStyle = context.strokeStyle = Canvas.color(color);
    context.beginPath();
    context.roundRect(left, y + 2, width, ROW - 4, Math.min(3, width / 2));
    if (hollow) {
      context.globalAlpha = 0.18;
      context.fill();
      context.globalAlpha = 1;
      context.stroke();
    } else {
      context.fill();
    }
    if (selected) {
      context.strokeStyle = Canvas.color("--text");
      context.lineWidth = 2;
      context.stroke();
      context.lineWidth = 1;
    }
    if (width > 12 + 6.5 * text.length) {
      context.fillStyle = hollow ? Canvas.color("--text") : "#fff";
      context.fillText(text, Math.max(left, this.gutter) + 5, y + ROW / 2 + 0.5);
    }
  }

  #hit(event) {
    const box = this.canvas.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return (this.hits ?? []).findLast((each) => y >= each.y && y < each.y + ROW && x >= each.left - 2 && x <= Math.max(each.right, each.left + 3) + 2);
  }

  #onMove(event) {
    const hit = this.#hit(event);
    this.plot.style.cursor = hit ? "pointer" : "";
    if (!hit) return tip.hide();
    const { chunk, attempt } = hit.entry;
    const state = this.model.attemptState(chunk, attempt);
    const took = attempt.seconds == null ? `since ${format.duration(this.model.now - attempt.start)}` : format.duration(attempt.seconds);
    tip.show(event.clientX, event.clientY,
      h("div", {}, h("b", {}, `Chunk ${chunk.id}`), ` · attempt ${attempt.number}${attempt.backup ? " · backup" : ""}`),
      h("div", {}, `${state}, ${took}, from ${format.clock(attempt.start, 1)}`),
      attempt.error && h("div", {}, `${attempt.error.code}: ${attempt.error.message.slice(0, 120)}`));
  }

  #onClick(event) {
    const hit = this.#hit(event);
    if (hit) this.model.select(hit.entry.chunk.id);
  }

  #onKey(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1, Home: -1e9, End: 1e9, PageUp: -10, PageDown: 10 };
    if (event.key in steps) this.#choose(this.model.neighbour(steps[event.key]));
    else if (event.key === "Enter" && this.model.selected !== null) this.model.select(this.model.selected);
    else if (event.key === "+" || event.key === "=") this.#setZoom(this.zoom * 1.6);
    else if (event.key === "-") this.#setZoom(this.zoom / 1.6);
    else if (event.key === "0") this.#setZoom(1);
    else return;
    event.preventDefault();
  }

  #choose(id) {
    this.model.select(id, { opens: false });
    const chunk = this.model.chunk(id);
    say(`Chunk ${id}, ${chunk.state}, ${format.plural(chunk.attempts.length, "attempt")}`);
    const index = this.rows.findIndex((row) => row.entries.some((entry) => entry.chunk.id === id));
    if (index < 0) return;
    const y = AXIS + index * ROW;
    if (y < this.plot.scrollTop + AXIS) this.plot.scrollTop = y - AXIS;
    else if (y + ROW > this.plot.scrollTop + this.plot.clientHeight) this.plot.scrollTop = y + ROW - this.plot.clientHeight;
  }
}
