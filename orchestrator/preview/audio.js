// The waveform below the timeline, and what plays when.

const audio = {
  of: 0, found: null, fault: "", asked: null,
  rows: 5,

  // Ask for the audio of a version, once.
  async load(version) {
    if (this.of === version) return;
    this.of = version;
    this.found = null;
    this.fault = "";
    this.draw();
    // A browser opens few connections to a host, which pictures need, too.
    this.asked?.abort();
    this.asked = new AbortController();
    const found = await fetch(at("/audio", version), { signal: this.asked.signal }).then((answer) => answer.json()).catch(() => null);
    if (this.of !== version || found?.version !== version) return;
    if (found.wave) this.found = found;
    else this.fault = found.message;
    this.draw();
  },

  draw() {
    const { wave = [], playing = [] } = this.found ?? {};
    $("audio").hidden = !playing.length && !this.fault;
    $("wave").parentElement.hidden = $("playing").hidden = !playing.length;
    $("sounding").textContent = this.fault && `The audio can't be shown: ${this.fault}`;
    document.body.dataset.audible = this.found ? `${this.of}` : "";
    if (!playing.length) return;
    const x = (part) => ((1000 * part) / wave.length).toFixed(1);
    const side = (sign) => wave.map((value, part) => `${x(part + .5)} ${(20 + sign * Math.max(.4, 19 * Math.sqrt(value / 100))).toFixed(1)}`);
    $("wave").querySelector("path").setAttribute("d", `M0 20L${side(-1).join("L")}L1000 20L${side(1).reverse().join("L")}Z`);
    const length = state.frames / state.fps, ends = [];
    const bars = playing.map((one) => {
      let row = ends.findIndex((end) => end <= one.start);
      if (row < 0) row = ends.length;
      ends[row] = one.end;
      return { ...one, row };
    }).filter((one) => one.row < this.rows);
    fill($("playing"), bars.map((one) => h("button", {
      style: `left: ${(100 * one.start) / length}%; width: ${(100 * (one.end - one.start)) / length}%; top: ${one.row * 21}px`,
      title: `${one.name}: ${format.clock(one.start, 2)} to ${format.clock(one.end, 2)}`,
      onclick: () => { stop(); go(Math.ceil(one.start * state.fps)); },
    }, one.name)));
    $("playing").style.height = `${Math.min(ends.length, this.rows) * 21}px`;
    this.mark();
  },

  // Mark where the shown frame is, and what plays then.
  mark() {
    if (!this.found?.playing.length) return;
    const now = frame / state.fps;
    const sounding = [...new Set(this.found.playing.filter((one) => one.start <= now && now < one.end).map((one) => one.name))];
    $("head").style.left = `${(100 * frame) / Math.max(1, state.frames - 1)}%`;
    $("sounding").textContent = sounding.length ? `Plays: ${sounding.join(", ")}` : "Silence";
  },
};
