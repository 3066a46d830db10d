// Makes elements. Text is only ever set as text, so that a job's names and messages can't be markup.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") element.style.cssText = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  return fill(element, ...children);
}

// Replaces the children of an element; lists are flattened, and what is missing is left out.
function fill(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const picture = (jpeg, alt = "") => h("img", { src: pictureUrl(jpeg), alt, loading: "lazy" });

// Reports hold pictures; the live page has their addresses.
const pictureUrl = (jpeg) => (jpeg.startsWith("/pictures/") ? jpeg + location.search : `data:image/jpeg;base64,${jpeg}`);

function section(title, { side = [], note = null } = {}, ...children) {
  const id = `section-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return h("section", { "aria-labelledby": id },
    h("div", { class: "head" }, h("h2", { id }, title), note && h("span", { class: "muted" }, note),
      h("div", { class: "side" }, side)),
    children);
}

const legend = (entries) => h("div", { class: "legend" }, entries.map(([name, color, hollow]) =>
  h("span", {}, h("i", { class: hollow ? "hollow" : null, style: `--key: var(${color})` }), name)));

const say = (text) => { document.getElementById("spoken").textContent = text; };

const tip = {
  element: () => document.getElementById("tip"),
  show(x, y, ...children) {
    const element = this.element();
    fill(element, ...children);
    element.hidden = false;
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
    element.style.top = `${y + 18 + height > innerHeight ? Math.max(8, y - height - 14) : y + 18}px`;
  },
  hide() { this.element().hidden = true; },
};
