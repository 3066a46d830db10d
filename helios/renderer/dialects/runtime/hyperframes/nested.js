// Nested compositions: files that stand in the elements that name them, before the page's scripts run.

const MOST_LEVELS = 20;
const nestingFaults = [];
const scopes = []; // { host, ids, selector, rootId, rootSelector, variables }
const inlined = new WeakMap(); // host -> its address
const waitingScripts = []; // { node, scope, address }
let isParsed = false;

// The parser still adds to the last element at each level.
const isOpen = (element) => {
  if (isParsed) return false;
  for (let last = document.documentElement; last; last = last.lastElementChild) {
    if (last === element) return !element.nextSibling;
  }
  return false;
};
const readNow = (address) => {
  const request = new XMLHttpRequest();
  try {
    request.open("GET", address, false);
    request.send();
    return request.status < 400 ? request.responseText : null;
  } catch {
    return null; // the renderer tells of requests that fail
  }
};
// An address as a nested file means it: one that leads upwards from the file, else from the page.
const assetAddress = (value, address) => (value.startsWith("../") ? new URL(value, address).href : value);
const ADDRESSES = ["src", "href", "poster"];
const moveAssets = (tree, address) => {
  for (const element of tree.querySelectorAll("[src], [href], [poster], [style*='url(']")) {
    for (const name of ADDRESSES) {
      const value = element.getAttribute(name);
      if (value) element.setAttribute(name, assetAddress(value, address));
    }
    const style = element.getAttribute("style");
    if (style?.includes("../")) element.setAttribute("style", moveUrls(style, address));
  }
};
const moveUrls = (css, address) =>
  css.replace(/url\(\s*(["']?)(\.\.\/[^"')]+)\1\s*\)/g, (_, quote, value) => `url("${assetAddress(value, address)}")`);

const SCRIPT_TYPES = ["", "module", "text/javascript", "application/javascript"];
const isScript = (node) => SCRIPT_TYPES.includes(node.type.trim().toLowerCase());
const takeOut = (tree, selector) => {
  const found = [...tree.querySelectorAll(selector)];
  for (const node of found) node.remove();
  return found;
};
const addStyle = (node, scope, address) => {
  const copy = document.importNode(node, true);
  if (node.localName === "style") copy.textContent = scopedSheet(moveUrls(node.textContent, address), scope);
  else copy.setAttribute("href", assetAddress(node.getAttribute("href") ?? "", address));
  const isThere = copy.localName === "link" && [...document.querySelectorAll("link")].some((one) => one.href === copy.href);
  if (!isThere) document.head.append(copy);
};
const BOX_SIDES = { width: "data-width", height: "data-height" };
// A host may have a size of its own; the root in it has that of the composition.
const sizeBox = (element, attributes, isRoot) => {
  for (const [side, name] of Object.entries(BOX_SIDES)) {
    const pixels = decimal(attributes.map((one) => one?.getAttribute(name)).find(Boolean));
    const isAuto = element.computedStyleMap().get(side)?.toString() === "auto";
    if (pixels !== null && (isAuto || isRoot)) element.style[side] = `${pixels}px`;
  }
};
// Put a composition into its host.
const fillHost = (host, { tree, head, declarations, address }) => {
  const inner = tree.querySelector(`[data-composition-id="${CSS.escape(host.dataset.compositionId ?? "")}"]`) ?? tree.querySelector(COMPOSITION);
  host.dataset.compositionId ??= inner?.dataset.compositionId ?? "";
  const number = scopes.length + 1;
  host.setAttribute("data-helios-scope", number);
  const given = parsed(host.dataset.variableValues, "data-variable-values") ?? {};
  const schema = [...declarations, ...declarationsIn([...tree.querySelectorAll("[data-composition-variables]")])];
  const scope = {
    host,
    ids: new Set([host.dataset.compositionId, inner?.dataset.compositionId].filter(Boolean)),
    selector: `[data-helios-scope="${number}"]`,
    rootId: inner?.id ?? "",
    rootSelector: `[data-helios-root="${number}"]`,
    variables: resolved(schema, given, host.dataset.compositionSrc ?? host.dataset.compositionId),
  };
  scopes.push(scope);
  const styles = [...takeOut(tree, "style, link[rel~=stylesheet]"), ...head.querySelectorAll("style, link[rel~=stylesheet]")];
  const scripts = [...head.querySelectorAll("script"), ...tree.querySelectorAll("script")].filter(isScript);
  for (const node of scripts) node.remove();
  const attributes = [host, inner];
  if (inner) {
    inner.setAttribute("data-helios-root", number);
    if (inner.id) inner.setAttribute("data-hf-authored-id", inner.id);
    for (const name of ["id", "data-composition-id", "data-start", "data-duration"]) inner.removeAttribute(name);
  }
  moveAssets(tree, address);
  bindAll(tree, scope.variables);
  for (const node of styles) addStyle(node, scope, address);
  host.replaceChildren(document.importNode(tree, true));
  for (const element of host.querySelectorAll(BOUND)) bound.add(element);
  setProperties(host, scope.variables);
  sizeBox(host, attributes, false);
  const box = host.querySelector(scope.rootSelector);
  if (box) sizeBox(box, attributes.reverse(), true);
  waitingScripts.push(...scripts.map((node) => ({ node, scope, address })));
};
const templateFor = (id, tree) => (id && tree.querySelector(`template#${CSS.escape(id)}-template`)) || null;
const fragmentOf = (nodes) => {
  const fragment = new DocumentFragment();
  fragment.append(...nodes);
  return fragment;
};
const inlineFile = (host) => {
  const address = new URL(host.dataset.compositionSrc, document.baseURI).href;
  const above = [];
  for (let one = host.parentElement; one; one = one.parentElement) if (inlined.has(one)) above.push(inlined.get(one));
  inlined.set(host, address);
  if (above.includes(address) || above.length >= MOST_LEVELS) return;
  const text = readNow(address);
  if (text === null) return;
  const file = new DOMParser().parseFromString(text, "text/html");
  const template = templateFor(host.dataset.compositionId, file) ?? file.querySelector("template");
  const tree = template ? template.content : fragmentOf([...file.body.childNodes]);
  if (!tree.childElementCount) {
    nestingFaults.push(`data-composition-src="${host.dataset.compositionSrc}": the file has no elements`);
    return;
  }
  const head = document.createElement("template").content;
  // Of the head of a file with a template only style sheets count that are files themselves.
  head.append(...file.head.querySelectorAll(template ? "link[rel~=stylesheet]" : "style, link[rel~=stylesheet], script"));
  fillHost(host, { tree, head, declarations: declarationsIn([file.documentElement, ...file.querySelectorAll("template")]), address });
};
const inlineTemplate = (host, template) => {
  inlined.set(host, `#${template.id}`);
  const tree = template.content.cloneNode(true);
  fillHost(host, { tree, head: new DocumentFragment(), declarations: declarationsIn([template]), address: document.baseURI });
};
const inlineHosts = () => {
  for (let again = true; again; ) {
    again = false;
    for (const host of document.querySelectorAll(`[data-composition-src], ${COMPOSITION}`)) {
      if (inlined.has(host) || isOpen(host)) continue;
      const isFile = host.hasAttribute("data-composition-src");
      const template = !isFile && !host.childElementCount && templateFor(host.dataset.compositionId, document);
      if (!isFile && !template) continue;
      if (isFile) inlineFile(host);
      else inlineTemplate(host, template);
      again = true;
    }
  }
};

// --- scripts of nested compositions ---------------------------------------------------------------

// Hosts of one file get ids of their own.
const nameHosts = () => {
  for (const { host, ids } of scopes) {
    const [id] = ids;
    const same = scopes.filter((one) => one.ids.has(id));
    if (same.length > 1) same.forEach((one, number) => (one.host.dataset.compositionId = `${id}__hf${number + 1}`));
  }
  for (const { host, variables } of scopes) window.__hfVariablesByComp[host.dataset.compositionId] = variables;
};
let scriptsRun = false;
const runScripts = () => {
  while (waitingScripts.length) {
    const { node, scope, address } = waitingScripts.shift();
    const source = node.getAttribute("src");
    if (source === null && node.type !== "module") {
      runScoped(node.textContent, scope);
      continue;
    }
    const script = document.createElement("script");
    if (node.type) script.type = node.type;
    if (source === null) {
      script.text = node.textContent;
    } else {
      script.src = new URL(assetAddress(source, address), document.baseURI).href;
      if ([...document.scripts].some((one) => one.src === script.src)) continue;
      script.async = false;
      script.onload = script.onerror = runScripts;
    }
    document.head.append(script);
    if (source !== null) return;
  }
  if (scriptsRun) return;
  scriptsRun = true;
  window.dispatchEvent(new CustomEvent("hf-timelines-built"));
};

// --- while the page is parsed ---------------------------------------------------------------------

const PLAYER = /(^|\/)hyperframe\.runtime(\.[\w-]+)*\.js([?#]|$)/;
const prepareParsed = () => {
  noteRoot();
  inlineHosts();
  for (const script of document.querySelectorAll("script[data-hyperframes-preview-runtime], script[src]")) {
    if (script.hasAttribute("data-hyperframes-preview-runtime") || PLAYER.test(script.src)) script.remove();
  }
  const root = rootOf();
  if (!root) return;
  const variables = mainVariables();
  bindAll(document, variables, (element) => !isOpen(element));
  setProperties(root, variables);
};
// The parser lets observers run before each script, so that it finds what stands before it prepared.
const parsing = new MutationObserver(prepareParsed);
if (window === window.top) {
  parsing.observe(document, { childList: true, subtree: true });
  native.listen.call(document, "readystatechange", () => {
    if (isParsed) return;
    isParsed = true;
    prepareParsed();
    nameHosts();
    runScripts();
  });
}
