// The parts of the page that are text: summary, failure, slowest ranges, seams, cost, settings.

const fact = (name, value, small = "") => h("div", {}, h("dt", {}, name), h("dd", {}, value, small ? h("small", {}, ` ${small}`) : null));

function summary(model) {
  const { report } = model;
  const attempts = model.chunks.reduce((sum, chunk) => sum + chunk.attempts.length, 0);
  const failed = model.chunks.reduce((sum, chunk) => sum + chunk.attempts.filter((each) => each.error).length, 0);
  const backups = model.chunks.reduce((sum, chunk) => sum + chunk.attempts.filter((each) => each.backup).length, 0);
  const done = model.chunks.filter((chunk) => chunk.state === "done").length;
  const from = Date.parse(report.startedAt ?? report.begin);
  const took = report.endedAt ? (Date.parse(report.endedAt) - from) / 1000 : model.isActive ? (Date.now() - from) / 1000 : model.end;
  const speed = report.fps ?? (took > 0 && !model.isActive ? report.framesDone / took : null);
  const left = model.isActive && report.fps ? (report.video.frames - report.framesDone) / report.fps : null;
  const facts = [
    fact("Frames", format.count(report.framesDone), report.framesDone === report.video.frames ? "" : `of ${format.count(report.video.frames)}`),
    fact("Chunks", format.count(done), done === model.chunks.length ? "" : `of ${format.count(model.chunks.length)}`),
    fact(model.isActive ? "Running for" : "Took", format.duration(took)),
    speed ? fact("Speed", speed.toFixed(1), "frames/s") : null,
    left !== null ? fact("Time left", format.duration(left)) : null,
    fact("Failed attempts", format.count(failed), `of ${format.count(attempts)}`),
    backups ? fact("Backups", format.count(backups)) : null,
    report.cost ? fact(report.costExpected && model.isActive ? "Cost so far" : "Cost", format.money(report.cost.total),
      report.costExpected && model.isActive ? `of about ${format.money(report.costExpected)}` : "by list prices") : null,
  ];
  const { video } = report;
  const about = [
    `${format.clock(video.duration, video.duration % 1 ? 1 : 0)} at ${Number(video.fps.toFixed(3))} fps, ${video.width} × ${video.height}`,
    `on ${report.where}`, format.moment(report.startedAt ?? report.createdAt), report.id,
  ];
  return [h("dl", { class: "facts" }, facts.filter(Boolean)), h("p", { class: "about" }, about.join(" · "))];
}

function failure(model) {
  const { report } = model;
  if (!report.error) return null;
  const { error } = report;
  const causes = error.details?.length ? error.details : report.causes;
  const broken = model.chunks.filter((chunk) => chunk.state === "failed").slice(0, 6);
  // The last pictures of each broken chunk; of one that made none, the last one before it.
  const shots = [...new Set(broken.flatMap((chunk) => {
    const before = report.filmstrip.filter((each) => each.frame < chunk.startFrame + chunk.frames);
    const own = before.filter((each) => each.frame >= chunk.startFrame);
    return own.length ? own.slice(-2) : before.slice(-1);
  }))].slice(0, 6);
  return h("div", { class: "fault", role: "alert" },
    h("p", {}, h("strong", {}, error.code), ` ${error.message}`),
    error.hint ? h("p", { class: "hint" }, error.hint) : null,
    causes.length ? h("ul", {}, causes.map((each) => h("li", {}, each))) : null,
    broken.length ? h("p", {}, broken.map((chunk) => h("button", { type: "button", onclick: () => model.select(chunk.id) }, `Chunk ${chunk.id}`))) : null,
    shots.length ? [h("p", { class: "hint" }, "The last pictures before it failed"),
      h("div", { class: "shots-row" }, shots.map((each) => picture(each.jpeg, `Frame ${each.frame}`)))] : null,
    report.logLink ? h("p", {}, h("a", { href: report.logLink, rel: "noreferrer" }, "Log of the job")) : null);
}

function slowest(model) {
  const { slowest: ranges, video, filmstrip } = model.report;
  if (!ranges.length) return null;
  return section("Slowest frames", {}, h("ol", { class: "ranges" }, ranges.map((range) => {
    const middle = range.start + range.frames / 2;
    const shown = filmstrip.reduce((best, each) => (!best || Math.abs(each.frame - middle) < Math.abs(best.frame - middle) ? each : best), null);
    const end = range.start + range.frames;
    return h("li", {},
      shown ? picture(shown.jpeg, `Frame ${shown.frame}`) : h("div"),
      h("div", {},
        h("h3", {}, `Frames ${format.count(range.start)} to ${format.count(end - 1)}`,
          h("span", { class: "muted", style: "font-weight: 400" }, `, ${format.clock(range.start / video.fps, 1)} to ${format.clock(end / video.fps, 1)}`)),
        h("div", {}, `${format.percent(range.share)} of the time for ${format.percent(range.frames / video.frames)} of the frames: ${format.milliseconds(range.perFrame)} per frame, ${format.percent(range.causeShare)} of it ${CAUSES[range.cause]}`),
        stacked([[KINDS.find(([kind]) => kind === range.cause)[2], range.share]])));
  })));
}

function seams(model) {
  const { seams: found } = model.report;
  if (!found || model.chunks.length < 2) return null;
  const counts = [`${format.count(found.proven)} of ${format.count(model.chunks.length - 1)} can't be seen`];
  if (found.differing) counts.push(`${format.count(found.differing)} can be seen`);
  if (found.unknown) counts.push(`${format.count(found.unknown)} weren't compared`);
  if (found.healedChunks.length) counts.push(`${format.plural(found.healedChunks.length, "chunk")} rendered again`);
  return section("Seams", { note: counts.join(", ") },
    found.pairs.length ? h("ul", { class: "pairs" }, found.pairs.map((pair) => h("li", {},
      h("div", { class: "two" }, picture(pair.before, `Frame ${pair.frame}, before the seam`), picture(pair.after, `Frame ${pair.frame + 1}, after the seam`)),
      h("p", {}, `Frames ${format.count(pair.frame)} and ${format.count(pair.frame + 1)}, chunks ${model.chunkAt(pair.frame).id} and ${model.chunkAt(pair.frame + 1).id}`)))) : []);
}

function cost(model) {
  const { cost: found } = model.report;
  if (!found) return null;
  const row = (cells, tag = "td") => h("tr", {}, cells.map((cell, index) => h(tag, { class: index ? "number" : null, scope: tag === "th" ? "col" : null }, cell)));
  return section("Cost", { note: `by list prices of ${found.prices.region}, ${found.prices.asOf}; an estimate` }, h("table", {},
    h("thead", {}, row(["Item", "Amount", "Cost"], "th")),
    h("tbody", {}, found.items.map((item) => row([item.what, `${format.count(Number(item.amount.toPrecision(4)))} ${item.unit}`, format.money(item.cost)]))),
    h("tfoot", {}, row(["Total", "", format.money(found.total)]))));
}

const words = (name) => name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase().replace(/^./, (first) => first.toUpperCase());

function listed(entries) {
  const text = (value) => (value === true ? "yes" : value === false ? "no" : typeof value === "object" ? JSON.stringify(value) : String(value));
  return h("dl", { class: "pairs-list" }, entries.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, text(value))]));
}

function settings(model) {
  const { report } = model;
  const versions = Object.entries(report.versions).map(([name, text]) => [words(name), text.split("\n")[0]]);
  const job = [
    ["Job", report.id], ["Composition", report.name || "–"], ["Output", report.output ?? "–"], ["Created", format.moment(report.createdAt)],
    ["Started", format.moment(report.startedAt)], ["Ended", format.moment(report.endedAt)], ["Runs", report.runs],
  ].filter(([, value]) => value !== "");
  return [
    h("div", { class: "columns" },
      section("Job", {}, listed([...job, ...versions])),
      section("Settings", {}, listed(Object.entries(report.settings).map(([name, value]) => [words(name), value])))),
    report.command ? section("Command of the first chunk", {}, h("pre", { tabindex: "0" }, report.command)) : null,
  ];
}
