// Follows a job at the server of this page, by its events; controls it; plays its video.

class Live {
  constructor(onReport) {
    this.onReport = onReport;
    this.model = null;
    this.lines = [];
    this.log = h("pre", { tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Output of workers" });
    this.logSection = section("Output", { side: [this.#filterButton()] }, this.log);
    this.logSection.hidden = true;
    this.video = new LiveVideo();
    const events = new EventSource(`/events${location.search}`);
    events.addEventListener("report", (event) => this.#take(JSON.parse(event.data)));
    events.addEventListener("patch", (event) => this.model?.apply(JSON.parse(event.data)));
    events.addEventListener("log", (event) => this.#addLines(JSON.parse(event.data)));
    events.addEventListener("video", (event) => this.video.show(JSON.parse(event.data)));
    events.addEventListener("end", () => { events.close(); this.#ended(); });
    events.onerror = () => this.#tell(events.readyState === EventSource.CLOSED ? "The server has ended." : "No connection; trying again.");
    events.onopen = () => this.#tell("");
    this.controls = document.getElementById("controls");
    this.note = h("span", { class: "muted", role: "status" });
    this.controls.replaceChildren(this.note);
  }

  #take(report) {
    if (this.model) return this.model.replace(report);
    this.model = this.onReport(report);
    this.#addControls(report.controls ?? []);
    setInterval(() => { if (this.model.isActive) this.model.emit("tick"); }, 500);
  }

  #addControls(names) {
    const buttons = names.map((name) => h("button", {
      type: "button", class: name === "cancel" ? "danger" : null, "data-control": name, onclick: () => this.#ask(name),
    }, words(name)));
    this.controls.replaceChildren(this.note, ...buttons);
    const enable = () => {
      const { state } = this.model.report;
      for (const button of buttons) {
        const isResume = button.dataset.control === "resume";
        button.hidden = isResume ? !["paused", "interrupted", "failed", "cancelled"].includes(state) : !["running", "pending"].includes(state);
      }
    };
    this.model.on("change", enable);
    enable();
  }

  async #ask(name) {
    if (name === "cancel" && !confirm("Cancel this render? Finished chunks are kept.")) return;
    this.#tell({ cancel: "cancelling …", pause: "pausing: running chunks finish …", resume: "resuming …" }[name]);
    try {
      const answer = await fetch(`/${name}${location.search}`, { method: "POST" });
      this.#tell(answer.ok ? "" : (await answer.json()).message);
    } catch {
      this.#tell("The server doesn't answer.");
    }
  }

  #tell(text) { if (this.note) this.note.textContent = text; }

  #ended() {
    this.#tell(this.model ? "" : "There is no job.");
    if (!this.model) return;
    this.model.isLive = false;
    this.model.emit("change");
  }

  #filterButton() {
    this.only = null;
    this.filter = h("button", { type: "button", "aria-pressed": "false", hidden: true, onclick: () => this.showOnly(null) });
    return this.filter;
  }

  // Shows the output of one chunk, or of all.
  showOnly(id) {
    this.only = id;
    this.filter.hidden = id === null;
    this.filter.textContent = `Only chunk ${id} ✕`;
    this.#fillLog();
  }

  #addLines(lines) {
    this.lines = [...this.lines, ...lines].slice(-2000);
    this.logSection.hidden = false;
    this.#fillLog();
  }

  #fillLog() {
    const follows = this.log.scrollTop + this.log.clientHeight >= this.log.scrollHeight - 8;
    const shown = this.lines.filter((line) => this.only === null || line.chunkId === this.only).slice(-400);
    this.log.textContent = shown.map((line) => `${line.chunkId === null ? "merge" : `chunk ${line.chunkId}`}  ${line.text}`).join("\n");
    if (follows) this.log.scrollTop = this.log.scrollHeight;
  }
}

// Plays a finished file, or the finished part of a playlist.
class LiveVideo {
  constructor() {
    this.player = h("video", { controls: true, muted: true, playsinline: true, preload: "metadata", "aria-label": "The video" });
    this.element = section("Video", {}, this.player);
    this.element.hidden = true;
  }

  show({ name, kind }) {
    if (name === this.name) return;
    this.name = name;
    this.element.hidden = false;
    const url = `/video/${new URLSearchParams(location.search).get("token")}/${encodeURIComponent(name)}`;
    if (kind !== "hls") this.player.src = url;
    else if (this.player.canPlayType("application/vnd.apple.mpegurl")) this.player.src = url;
    else this.#feed(url).catch((fault) => { this.element.hidden = true; console.warn(fault); });
  }

  // Browsers that don't play playlists themselves are given the segments, as they appear.
  async #feed(url) {
    const text = async (address) => (await fetch(address)).text();
    const bytes = async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer());
    const at = (name) => new URL(name, new URL(url, location.href)).pathname;
    const media = new MediaSource();
    this.player.src = URL.createObjectURL(media);
    await new Promise((ready) => media.addEventListener("sourceopen", ready, { once: true }));
    let buffer = null, taken = 0;
    const append = async (data) => {
      buffer.appendBuffer(data);
      await new Promise((done) => buffer.addEventListener("updateend", done, { once: true }));
    };
    for (;;) {
      const playlist = await text(url);
      const names = playlist.split("\n").filter((line) => line && !line.startsWith("#"));
      if (!buffer) {
        const first = await bytes(at(/#EXT-X-MAP:URI="([^"]+)"/.exec(playlist)[1]));
        buffer = media.addSourceBuffer(`video/mp4; codecs="${codecs(first)}"`);
        await append(first);
      }
      for (; taken < names.length; taken++) await append(await bytes(at(names[taken])));
      if (playlist.includes("#EXT-X-ENDLIST")) break;
      await new Promise((done) => setTimeout(done, 2000));
    }
    media.endOfStream();
  }
}

// The codecs of an MP4 file's header, as MediaSource wants to be told.
function codecs(bytes) {
  const find = (name) => bytes.findIndex((_, at) => [...name].every((letter, index) => bytes[at + index] === letter.charCodeAt(0)));
  const found = [], avc = find("avcC");
  if (avc >= 0) found.push(`avc1.${[5, 6, 7].map((offset) => bytes[avc + offset].toString(16).padStart(2, "0")).join("")}`);
  if (find("mp4a") >= 0) found.push("mp4a.40.2");
  return found.join(", ");
}
