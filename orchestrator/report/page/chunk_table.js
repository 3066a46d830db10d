// All chunks, one a row. Rows out of sight aren't in the document.

const LINE = 30;

const COLUMNS = [
  ["Chunk", (chunk) => chunk.id, ""],
  ["Frames", (chunk) => chunk.startFrame, ""],
  ["State", (chunk) => chunk.state, ""],
  ["Attempts", (chunk) => chunk.attempts.length, "number wide"],
  ["Took", (chunk, model) => model.seconds(chunk) ?? -1, "number"],
  ["Per frame", (chunk, model) => (model.seconds(chunk) ?? -1) / chunk.frames, "number wide"],
  ["Worker", (chunk) => chunk.attempts.at(-1)?.worker ?? "", "wide"],
];

const FILTERS = {
  All: () => true,
  Running: (chunk) => chunk.state === "running",
  Retried: (chunk) => chunk.attempts.length > 1,
  Failed: (chunk) => chunk.state === "failed",
};

class ChunkTable {
  constructor(model) {
    this.model = model;
    this.filter = "All";
    this.sorted = { column: 0, falls: false };
    this.buttons = Object.keys(FILTERS).map((name) => h("button", {
      type: "button", "aria-pressed": String(name === this.filter), onclick: () => this.#show(name),
    }, name));
    this.header = h("div", { class: "row header", role: "row" }, COLUMNS.map(([title, , kind], index) =>
      h("div", { role: "columnheader", class: kind }, h("button", { type: "button", onclick: () => this.#sort(index) }, title))));
    this.body = h("div", { class: "body", role: "rowgroup", onscroll: () => this.#fill(), onkeydown: (event) => this.#onKey(event) });
    this.grid = h("div", { class: "grid", role: "grid", "aria-label": "Chunks" }, h("div", { role: "rowgroup" }, this.header), this.body);
    this.note = h("span", { class: "muted" });
    this.element = section("Chunks", { side: this.buttons, note: this.note }, this.grid);
    model.on("change", () => this.refresh());
    model.on("select", () => this.#fill());
    this.refresh();
  }

  refresh() {
    const [, value] = COLUMNS[this.sorted.column];
    this.rows = this.model.chunks.filter(FILTERS[this.filter]);
    const unsorted = this.sorted.column === 0 && !this.sorted.falls;
    if (!unsorted) {
      const sign = this.sorted.falls ? -1 : 1;
      this.rows.sort((a, b) => {
        const [x, y] = [value(a, this.model), value(b, this.model)];
        return sign * (x < y ? -1 : x > y ? 1 : 0);
      });
    }
    this.header.querySelectorAll("[role=columnheader]").forEach((cell, index) => {
      if (index === this.sorted.column) cell.setAttribute("aria-sort", this.sorted.falls ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    this.grid.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.note.textContent = this.filter === "All" ? format.count(this.rows.length) : `${format.count(this.rows.length)} of ${format.count(this.model.chunks.length)}`;
    this.body.style.height = `${Math.max(1, this.rows.length) * LINE}px`;
    this.#fill();
  }

  #fill() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / LINE) - 3);
    const last = Math.min(this.rows.length, first + 17);
    const focused = document.activeElement?.dataset?.row;
    const rows = this.rows.slice(first, last).map((chunk, index) => this.#row(chunk, first + index));
    const room = h("div", { style: `height: ${this.rows.length * LINE}px`, "aria-hidden": "true" });
    const empty = h("div", { role: "row" }, h("div", { class: "empty", role: "gridcell" }, "None."));
    this.body.replaceChildren(...(this.rows.length ? [...rows, room] : [empty]));
    if (!this.body.querySelector('[tabindex="0"]')) this.body.querySelector("[data-row]")?.setAttribute("tabindex", "0");
    if (focused !== undefined) this.body.querySelector(`[data-row="${focused}"]`)?.focus({ preventScroll: true });
  }

  #row(chunk, index) {
    const seconds = this.model.seconds(chunk);
    const end = chunk.startFrame + chunk.frames - 1;
    const cells = [
      String(chunk.id),
      `${format.count(chunk.startFrame)}–${format.count(end)}`,
      h("span", { class: "mark", "data-state": chunk.state }, chunk.healed ? `${chunk.state}, healed` : chunk.state),
      String(chunk.attempts.length),
      seconds === null ? "" : format.duration(seconds),
      seconds === null ? "" : format.milliseconds(seconds / chunk.frames),
      chunk.attempts.at(-1)?.worker ?? "",
    ];
    const isSelected = chunk.id === this.model.selected;
    return h("div", {
      class: "row", role: "row", "data-row": String(index), style: `top: ${index * LINE}px`,
      tabindex: isSelected ? "0" : "-1", "aria-rowindex": String(index + 2), "aria-selected": String(isSelected),
      onclick: () => this.model.select(chunk.id),
    }, cells.map((cell, column) => h("div", { role: "gridcell", class: COLUMNS[column][2] }, cell)));
  }

  #show(name) {
    this.filter = name;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.textContent === name));
    this.body.scrollTop = 0;
    this.refresh();
    say(format.plural(this.rows.length, "chunk"));
  }

  #sort(column) {
    const same = this.sorted.column === column;
    this.sorted = { column, falls: same ? !this.sorted.falls : column > 2 };
    this.body.scrollTop = 0;
    this.refresh();
  }

  #onKey(event) {
    const row = Number(event.target.closest("[data-row]")?.dataset.row);
    if (Number.isNaN(row)) return;
    const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -9, PageDown: 9, Home: -1e9, End: 1e9 };
    if (event.key in steps) this.#focus(Math.max(0, Math.min(this.rows.length - 1, row + steps[event.key])));
    else if (event.key === "Enter" || event.key === " ") this.model.select(this.rows[row].id);
    else return;
    event.preventDefault();
  }

  #focus(row) {
    const y = row * LINE, { scrollTop, clientHeight } = this.body;
    if (y < scrollTop) this.body.scrollTop = y;
    else if (y + LINE > scrollTop + clientHeight) this.body.scrollTop = y + LINE - clientHeight;
    this.#fill();
    this.body.querySelector(`[data-row="${row}"]`)?.focus({ preventScroll: true });
  }
}
