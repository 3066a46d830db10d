// The form of the variables that a composition declares. A field that has its default sets no prop.

const form = {
  made: "", timer: null, other: {},

  // Show the fields of the variables with these props; `change` is called with other props.
  show(variables, props, change) {
    $("form").hidden = !variables?.length;
    if (!variables?.length) return;
    const shape = JSON.stringify(variables);
    if (shape !== this.made) {
      this.made = shape;
      const later = () => { this.timer = null; change(this.props(variables)); };
      const changed = () => { clearTimeout(this.timer); this.timer = setTimeout(later, 300); };
      fill($("form"), variables.map((one) => this.field(one, changed)));
    }
    this.other = Object.fromEntries(Object.entries(props).filter(([name]) => !variables.some((one) => one.name === name)));
    for (const one of variables) {
      const input = $(`variable-${one.name}`);
      const value = one.name in props ? props[one.name] : one.default;
      // What is being typed stays.
      if (input.dataset.pending && (this.timer || document.activeElement === input)) continue;
      input.kept = props[one.name];
      this.set(one, input, value);
    }
  },

  field(one, changed) {
    const id = `variable-${one.name}`;
    const name = one.label || one.name;
    const on = (event) => { event.target.dataset.pending = "1"; delete event.target.kept; changed(); };
    const input = one.kind === "enum"
      ? h("select", { id, onchange: on }, one.options.map((value) => h("option", {}, String(value))))
      : h("input", { id, oninput: on, ...this.kind(one), spellcheck: "false", autocomplete: "off" });
    return h("div", { class: `field ${one.kind === "boolean" ? "check" : ""}` }, h("label", { for: id }, name), input);
  },

  kind(one) {
    if (one.kind === "number") return { type: "number", step: "any" };
    if (one.kind === "boolean") return { type: "checkbox" };
    if (one.kind === "color" && this.isHex(one.default ?? "#000000")) return { type: "color" };
    return { type: "text", placeholder: { image: "a file or an address", font: "a font's name" }[one.kind] };
  },

  isHex: (value) => /^#[0-9a-f]{6}$/i.test(value),

  set(one, input, value) {
    delete input.dataset.pending;
    if (one.kind === "boolean") input.checked = value === true;
    else if (one.kind === "enum") input.selectedIndex = one.options.findIndex((option) => option === value);
    else input.value = typeof value === "object" && value !== null ? JSON.stringify(value) : value ?? "";
  },

  // Return the props that the fields stand for, besides those that no variable is declared for.
  props(variables) {
    const found = { ...this.other };
    for (const one of variables) {
      const input = $(`variable-${one.name}`);
      const isTouched = "pending" in input.dataset;
      // A field that wasn't touched keeps its prop or none: it may show another value, such as a colour in lower case.
      const value = isTouched ? this.read(one, input) : input.kept;
      if (value !== undefined && !(isTouched && value === one.default)) found[one.name] = value;
    }
    return found;
  },

  read(one, input) {
    if (one.kind === "boolean") return input.checked;
    if (one.kind === "enum") return one.options[input.selectedIndex];
    if (one.kind === "number") return input.value === "" ? undefined : Number(input.value);
    if (input.value === "" && one.default === undefined) return undefined;
    return typeof one.default === "object" && input.value === JSON.stringify(one.default) ? one.default : input.value;
  },
};
