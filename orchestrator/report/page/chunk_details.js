// What is known of one chunk: attempts with their causes and logs, times, pictures.

class ChunkDetails {
  constructor(model) {
    this.model = model;
    this.element = document.getElementById("details");
    this.origin = null;
    model.on("select", (id, opens) => { if (opens) this.open(id); });
    model.on("change", () => { if (!this.element.hidden) this.#fill(); });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  open(id) {
    if (this.element.hidden) this.origin = document.activeElement;
    this.id = id;
    this.drawn = null;
    this.element.hidden = false;
    this.#fill();
    this.element.querySelector("h2").focus();
    this.model.emit("open", id);
  }

  close() {
    this.element.hidden = true;
    this.model.select(null, { opens: false });
    // Rows of the table are made again as they are scrolled and selected.
    const { origin } = this;
    (origin?.isConnected ? origin : document.querySelector(`[data-row="${origin?.dataset.row}"]`))?.focus();
  }

  #fill() {
    const chunk = this.model.chunk(this.id);
    if (chunk === this.drawn) return;
    this.drawn = chunk;
    const { video, filmstrip } = this.model.report;
    const end = chunk.startFrame + chunk.frames;
    const shots = filmstrip.filter((each) => each.frame >= chunk.startFrame && each.frame < end);
    this.element.setAttribute("aria-label", `Chunk ${chunk.id}`);
    const focusedTitle = this.element.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    const step = (label, name, by) => h("button", {
      type: "button", "aria-label": name, disabled: this.model.neighbour(by) === chunk.id,
      onclick: () => { this.model.select(this.model.neighbour(by)); this.element.querySelector(`[aria-label="${name}"]`)?.focus(); },
    }, label);
    fill(this.element,
      h("div", { class: "title" },
        h("h2", { tabindex: "-1" }, `Chunk ${chunk.id}`), step("‹", "Previous chunk", -1), step("›", "Next chunk", 1),
        h("button", { type: "button", "aria-label": "Close", onclick: () => this.close() }, "✕")),
      h("div", {}, h("span", { class: "mark", "data-state": chunk.state }, chunk.healed ? `${chunk.state}, rendered again for its seam` : chunk.state)),
      h("p", { class: "muted" },
        `Frames ${format.count(chunk.startFrame)} to ${format.count(end - 1)}, ${format.clock(chunk.startFrame / video.fps, 2)} to ${format.clock(end / video.fps, 2)}`),
      shots.length ? h("div", { class: "shots", tabindex: "0", role: "group", "aria-label": "Pictures of its frames" },
        shots.map((each) => picture(each.jpeg, `Frame ${each.frame}`))) : null,
      h("h3", {}, chunk.attempts.length === 1 ? "1 attempt" : `${chunk.attempts.length} attempts`),
      chunk.attempts.length ? [...chunk.attempts].reverse().map((attempt) => this.#attempt(chunk, attempt)) : h("p", { class: "muted" }, "It hasn't begun."),
      this.#times(chunk),
      chunk.problems.length ? [h("h3", {}, "Page"), h("pre", { tabindex: "0" }, chunk.problems.join("\n"))] : null,
      chunk.logLink ? h("p", {}, h("a", { href: chunk.logLink, rel: "noreferrer" }, "Log of its worker")) : null,
      h("div", { id: "chunk-log" }),
    );
    if (focusedTitle) this.element.querySelector(`[aria-label="${focusedTitle}"]`)?.focus();
  }

  #attempt(chunk, attempt) {
    const { error } = attempt;
    const state = this.model.attemptState(chunk, attempt);
    const steps = Object.entries(attempt.steps ?? {}).map(([name, seconds]) => `${name} ${format.duration(seconds)}`);
    const at = Date.parse(this.model.report.begin) + attempt.start * 1000;
    return h("div", { class: "attempt" },
      h("div", { class: "line" },
        h("span", { class: "mark", "data-state": state }, `Attempt ${attempt.number}${attempt.backup ? ", backup" : ""}`),
        h("span", {}, attempt.seconds == null ? state : format.duration(attempt.seconds))),
      h("p", { class: "muted" }, [attempt.worker, new Date(at).toLocaleTimeString("en-GB")].filter(Boolean).join(" · ")),
      steps.length ? h("p", { class: "muted" }, steps.join(", ")) : null,
      error ? [
        h("p", {}, h("code", {}, error.code), ` ${error.message}`),
        error.hint ? h("p", { class: "muted" }, error.hint) : null,
        error.details?.length ? h("pre", { tabindex: "0" }, error.details.join("\n")) : null,
      ] : null,
      attempt.log ? h("pre", { tabindex: "0", "aria-label": "Last lines of its output" }, attempt.log) : null);
  }

  #times(chunk) {
    if (!chunk.spans.length) return null;
    const sums = KINDS.map(([kind, name, color]) => [name, color, chunk.spans.reduce((sum, span) => sum + span[kind], 0)]);
    const total = sums.reduce((sum, [, , seconds]) => sum + seconds, 0) || 1;
    return [
      h("h3", {}, "Time of its frames"),
      stacked(sums.map(([, color, seconds]) => [color, seconds / total])),
      h("dl", { class: "pairs-list" }, sums.filter(([, , seconds]) => seconds >= 0.0005).flatMap(([name, , seconds]) => [
        h("dt", {}, name), h("dd", {}, `${format.duration(seconds)}, ${format.milliseconds(seconds / chunk.frames)} per frame`),
      ])),
    ];
  }
}

const stacked = (parts) => h("div", { class: "bar", "aria-hidden": "true" },
  parts.map(([color, share]) => h("i", { style: `--key: var(${color}); width: ${100 * share}%` })));
