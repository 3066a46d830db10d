// Variables: their declarations, values, and bindings to text, sources and custom properties.

const mismatches = new Set();
const parsed = (text, what) => {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    mismatches.add(`${what}: not JSON`);
    return null;
  }
};
const declarationsIn = (elements) =>
  elements.flatMap((element) => {
    const found = parsed(element?.dataset.compositionVariables, "data-composition-variables") ?? [];
    return Array.isArray(found) ? found.filter((one) => typeof one?.id === "string") : [];
  });
const isOf = ({ type, options }, value) => {
  if (type === "number") return Number.isFinite(value);
  if (type === "boolean") return typeof value === "boolean";
  if (type === "enum") return (options ?? []).some((option) => (option?.value ?? option) === value);
  return typeof value === "string" || (["image", "font"].includes(type) && typeof value === "object" && value !== null);
};
// Values over the defaults of their declarations.
const resolved = (declarations, values, where) => {
  const known = new Map(declarations.map((one) => [one.id, one]));
  for (const [name, value] of Object.entries(values)) {
    if (!known.has(name)) mismatches.add(`${where}: ${name} isn't declared`);
    else if (!isOf(known.get(name), value)) mismatches.add(`${where}: ${name} is no ${known.get(name).type}`);
  }
  const defaults = declarations.filter((one) => one.default !== undefined).map((one) => [one.id, one.default]);
  return { ...Object.fromEntries(defaults), ...values };
};
const mainVariables = () => {
  const root = rootOf();
  return resolved(declarationsIn([document.documentElement, root].filter(Boolean)), config.props, "props");
};

const setProperties = (element, variables) => {
  for (const [name, value] of Object.entries(variables)) {
    if (!["string", "number", "boolean"].includes(typeof value)) continue;
    const slug = name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase().replace(/[^a-z0-9]+/g, "-");
    for (const property of new Set([name, slug])) element.style.setProperty(`--${property}`, String(value));
  }
};
const SAFE_SOURCE = /^(https?:|data:(image|video|audio)\/|blob:|(?![a-z][a-z0-9+.-]*:))/i;
const bound = new WeakSet();
const bindElement = (element, variables) => {
  if (bound.has(element)) return;
  bound.add(element);
  const text = variables[element.dataset.varText];
  if (["string", "number", "boolean"].includes(typeof text)) {
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const first = own.find((node) => node.data.trim()) ?? own[0] ?? element.appendChild(new Text());
    for (const node of own) node.data = "";
    first.data = String(text);
  }
  const source = variables[element.dataset.varSrc];
  const address = typeof source === "object" ? source?.url : source;
  if (typeof address === "string" && SAFE_SOURCE.test(address)) element.setAttribute("src", address);
};
const BOUND = "[data-var-text], [data-var-src]";
const bindAll = (tree, variables, isReady = () => true) => {
  for (const element of tree.querySelectorAll(BOUND)) {
    if (isReady(element)) bindElement(element, variables);
  }
};
