// The job that the page shows. A report is complete; the live page changes it by patches.

class Model {
  constructor(report) {
    this.listeners = new Map();
    this.selected = null;
    this.isLive = false;
    this.replace(report);
  }

  replace(report) {
    this.report = report;
    this.chunks = report.chunks;
    this.byId = new Map(report.chunks.map((chunk, index) => [chunk.id, index]));
    this.changed = true;
    this.emit("change");
  }

  // Takes over changed chunks, pictures and facts.
  apply(patch) {
    for (const chunk of patch.chunks ?? []) {
      const index = this.byId.get(chunk.id);
      if (index !== undefined) this.chunks[index] = { ...this.chunks[index], ...chunk };
    }
    const { chunks, ...facts } = patch;
    Object.assign(this.report, facts);
    this.changed = true;
    this.emit("change");
  }

  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  emit(event, ...values) {
    for (const listener of this.listeners.get(event) ?? []) listener(...values);
  }

  chunk(id) { return this.chunks[this.byId.get(id)]; }

  chunkAt(frame) {
    let low = 0, high = this.chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.chunks[middle].startFrame <= frame) low = middle; else high = middle - 1;
    }
    return this.chunks[low];
  }

  select(id, { opens = true } = {}) {
    this.selected = id;
    this.emit("select", id, opens);
  }

  // The chunk so many places after the selected one.
  neighbour(step) {
    const index = this.selected === null ? (step > 0 ? -1 : this.chunks.length) : this.byId.get(this.selected);
    return this.chunks[Math.max(0, Math.min(this.chunks.length - 1, index + step))].id;
  }

  get now() { return (Date.now() - Date.parse(this.report.begin)) / 1000; }

  get isActive() { return this.isLive && (this.report.state === "running" || this.report.state === "pending"); }

  // Seconds from the first attempt to the last thing that happened.
  get end() {
    if (this.isActive) return Math.max(this.now, 1);
    let end = 0.001;
    for (const chunk of this.chunks) {
      for (const attempt of chunk.attempts) end = Math.max(end, attempt.start + (attempt.seconds ?? 0));
    }
    const { merge } = this.report;
    return merge ? Math.max(end, merge.start + (merge.seconds ?? 0)) : end;
  }

  // Attempts side by side: those of a worker in as few lanes as they need.
  lanes() {
    const groups = new Map();
    for (const chunk of this.chunks) {
      for (const attempt of chunk.attempts) {
        const name = attempt.worker || this.report.where;
        if (!groups.has(name)) groups.set(name, []);
        groups.get(name).push({ chunk, attempt });
      }
    }
    const rows = [];
    for (const [name, entries] of [...groups].sort(([a], [b]) => a.localeCompare(b))) {
      entries.sort((a, b) => a.attempt.start - b.attempt.start);
      const lanes = [], ends = [];
      for (const entry of entries) {
        const { start, seconds } = entry.attempt;
        let lane = 0;
        while (lane < ends.length && ends[lane] > start + 0.0005) lane++;
        if (lane === lanes.length) lanes.push([]);
        ends[lane] = seconds === null || seconds === undefined ? Infinity : start + seconds;
        lanes[lane].push(entry);
      }
      lanes.forEach((lane, index) => rows.push({ label: index ? "" : name, entries: lane }));
    }
    const { merge } = this.report;
    if (merge) rows.push({ label: "stitching", entries: [], merge });
    return rows;
  }

  attemptState(chunk, attempt) {
    if (attempt.error) return "failed";
    if (attempt.seconds === null || attempt.seconds === undefined) return this.isActive ? "running" : "stopped";
    return chunk.state === "done" || chunk.state === "running" || this.isLive ? "done" : "stopped";
  }

  seconds(chunk) {
    const done = chunk.attempts.filter((each) => !each.error && each.seconds != null);
    return done.length ? done[done.length - 1].seconds : null;
  }
}
