// A canvas that is drawn once a frame at most, in the colours of the theme, at the screen's resolution.

class Canvas {
  constructor(draw, { height }) {
    this.element = h("canvas", { "aria-hidden": "true" });
    this.draw = draw;
    this.height = height;
    this.width = 0;
    this.asked = false;
    new ResizeObserver(() => this.refresh()).observe(this.element);
    Canvas.all.push(this);
  }

  refresh() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.#paint();
    });
  }

  #paint() {
    const width = this.element.clientWidth;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    const height = typeof this.height === "function" ? this.height() : this.height;
    this.element.style.height = `${height}px`;
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.element.width !== across || this.element.height !== down) {
      this.element.width = across;
      this.element.height = down;
    }
    this.width = width;
    const context = this.element.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
    context.textBaseline = "middle";
    this.draw(context, width, height);
  }

  static all = [];
  static #colors = new Map();

  // The value of a custom property of the theme.
  static color(name) {
    if (!Canvas.#colors.has(name)) {
      Canvas.#colors.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    }
    return Canvas.#colors.get(name);
  }

  // Draws all canvases again, in the colours of a theme that has changed.
  static switchTheme() {
    Canvas.#colors.clear();
    for (const canvas of Canvas.all) canvas.refresh();
  }
}

// Marks of an axis from 0 to an end: calls `mark(x, text)` for each.
function axis(end, width, mark) {
  const step = format.step((end * 72) / width);
  for (let at = 0; at <= end + 1e-9; at += step) mark((at / end) * width, format.clock(at, step < 1 ? 1 : 0));
}
