// Puts the page together, for a report in it or for a job that its server follows.

function switchTheme(theme) {
  document.documentElement.dataset.theme = theme;
  Canvas.switchTheme();
}

function showTop(model) {
  const { report } = model;
  const state = document.getElementById("state");
  state.dataset.state = report.state;
  state.textContent = report.merge && report.merge.seconds == null && model.isActive ? "stitching" : report.state;
  document.getElementById("name").textContent = format.fileName(report.name || report.id);
  document.getElementById("name").title = report.name;
  const progress = document.getElementById("progress");
  progress.hidden = !model.isActive;
  const done = Math.round((100 * report.framesDone) / report.video.frames);
  progress.setAttribute("aria-valuenow", String(done));
  progress.firstElementChild.style.width = `${done}%`;
  document.title = `${model.isActive ? `${done}% ` : ""}${format.fileName(report.name || report.id)} - ${report.state}`;
}

function showPage(report, live = null) {
  const model = new Model(report);
  model.isLive = live !== null && !report.ended;
  const main = document.getElementById("main");
  // Sections of text are made again when what they show has changed.
  const made = (make, key) => {
    const place = h("div");
    let shown;
    const update = () => {
      const now = JSON.stringify(key(model));
      if (now === shown) return;
      shown = now;
      fill(place, make(model));
    };
    model.on("change", update);
    update();
    return place;
  };
  const head = h("div");
  const showHead = () => { head.replaceChildren(...summary(model)); showTop(model); };
  model.on("change", showHead);
  model.on("tick", showHead);
  showHead();
  const { report: r } = model;
  const waterfall = new Waterfall(model);
  model.on("tick", () => waterfall.refresh());
  main.replaceChildren(
    head,
    made(failure, () => [model.report.error, model.report.causes, model.report.filmstrip.length]),
    live?.video.element ?? "",
    new Timeline(model).element,
    waterfall.element,
    made(slowest, () => model.report.slowest),
    new ChunkTable(model).element,
    made(seams, () => [model.report.seams]),
    made(cost, () => model.report.cost),
    live?.logSection ?? "",
    made(settings, () => [r.id, model.report.settings, model.report.versions, model.report.output, model.report.endedAt]),
  );
  new ChunkDetails(model);
  if (live) model.on("open", (id) => live.showOnly(id));
  return model;
}

switchTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => switchTheme(event.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () =>
  switchTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

const data = JSON.parse(document.getElementById("data").textContent);
if (data) showPage(data);
else {
  const live = new Live((report) => showPage(report, live));
}
