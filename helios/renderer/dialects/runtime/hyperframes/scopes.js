// What a nested composition sees: its styles apply, and its scripts look, inside its host alone.

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
// A selector with the ids of the file itself in place of those that it was written with.
const ownSelector = (selector, scope) => {
  let own = selector;
  for (const id of scope.ids) {
    const named = new RegExp(`\\[data-composition-id\\s*=\\s*(["']?)${escaped(id)}\\1\\s*\\]`, "g");
    own = own.replace(named, scope.selector);
  }
  if (!scope.rootId) return own;
  return own.replace(new RegExp(`#${escaped(CSS.escape(scope.rootId))}(?![\\w-])`, "g"), scope.rootSelector);
};
const splitSelectors = (list) => {
  const parts = [""];
  let depth = 0;
  let quote = "";
  for (const sign of list) {
    if (quote) quote = sign === quote ? "" : quote;
    else if (sign === '"' || sign === "'") quote = sign;
    else if ("([".includes(sign)) depth += 1;
    else if (")]".includes(sign)) depth -= 1;
    if (sign === "," && !depth && !quote) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
};
const DOCUMENT = /^(?:html|body|:root)(?![\w-])([^\s>+~]*)\s*>?\s*/;
// A selector's parts, with the host for the document and its body, and `prefix` before all else.
const scopedSelector = (list, scope, prefix = `${scope.selector} `) =>
  splitSelectors(list)
    .map((part) => {
      let rest = ownSelector(part, scope);
      let host = "";
      for (let found = DOCUMENT.exec(rest); found; found = DOCUMENT.exec(rest)) {
        host = `${host || scope.selector}${found[1]}`;
        rest = rest.slice(found[0].length);
      }
      if (host) return rest ? `${host} ${rest}` : host;
      return rest.includes(scope.selector) ? rest : prefix + rest;
    })
    .join(", ");
const scopedRules = (rules, scope) =>
  [...rules]
    .map((rule) => {
      const text = rule.cssText;
      if (rule instanceof CSSStyleRule) {
        return scopedSelector(rule.selectorText, scope) + text.slice(rule.selectorText.length);
      }
      if (!(rule instanceof CSSGroupingRule)) return text; // keyframes and fonts among them
      return `${text.slice(0, text.indexOf("{"))}{\n${scopedRules(rule.cssRules, scope)}\n}`;
    })
    .join("\n");
const scopedSheet = (text, scope) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  const imports = text.match(/@import\s[^;]*;/g) ?? []; // which such a sheet can't have
  return [...imports, scopedRules(sheet.cssRules, scope)].join("\n");
};

const findAll = (selector, scope) => {
  const own = scopedSelector(selector, scope, "");
  const inside = [...scope.host.querySelectorAll(own)];
  return scope.host.matches(own) ? [scope.host, ...inside] : inside;
};
const boundTo = (target, key) => {
  const value = Reflect.get(target, key);
  return typeof value === "function" && value.prototype === undefined ? value.bind(target) : value;
};
// An object with some properties of its own.
const overlaid = (target, own) =>
  new Proxy(target, {
    get: (_, key) => (Object.hasOwn(own, key) ? own[key] : boundTo(target, key)),
    set: (_, key, value) => Reflect.set(target, key, value),
  });
const scopedDocument = (scope) => {
  const { host } = scope;
  return overlaid(document, {
    querySelector: (selector) => findAll(selector, scope)[0] ?? null,
    querySelectorAll: (selector) => findAll(selector, scope),
    getElementById: (id) => findAll(`#${CSS.escape(id)}`, scope)[0] ?? null,
    getElementsByClassName: (names) => host.getElementsByClassName(names),
    getElementsByTagName: (name) => host.getElementsByTagName(name),
  });
};

const TARGETED = ["to", "from", "fromTo", "set", "quickTo", "quickSetter", "getProperty", "killTweensOf", "getTweensOf", "isTweening"];
const scopedTargets = (targets, scope) => {
  if (typeof targets === "string") return findAll(targets, scope);
  return Array.isArray(targets) ? targets.flatMap((one) => scopedTargets(one, scope)) : targets;
};
const targetedMethods = (holder, scope) =>
  Object.fromEntries(
    TARGETED.filter((name) => typeof holder[name] === "function").map((name) => {
      const method = holder[name];
      return [name, (targets, ...rest) => method.call(holder, scopedTargets(targets, scope), ...rest)];
    }),
  );
const scopedGsap = (scope) => {
  const { gsap } = window;
  if (!gsap) return gsap;
  return overlaid(gsap, {
    ...targetedMethods(gsap, scope),
    timeline: (...args) => {
      const timeline = gsap.timeline(...args);
      return Object.assign(timeline, targetedMethods(timeline, scope));
    },
    utils: overlaid(gsap.utils, {
      toArray: (targets, ...rest) => gsap.utils.toArray(scopedTargets(targets, scope), ...rest),
    }),
  });
};
const scopedTimelines = (scope) => {
  const own = (key) => (scope.ids.has(key) ? scope.host.dataset.compositionId : key);
  return new Proxy({}, {
    get: (_, key) => window.__timelines[own(key)],
    set: (_, key, value) => Reflect.set(window.__timelines, own(key), value),
    has: (_, key) => own(key) in window.__timelines,
    deleteProperty: (_, key) => delete window.__timelines[own(key)],
  });
};
const scopedNames = (scope) => {
  const timelines = scopedTimelines(scope);
  const hyperframes = overlaid(window.__hyperframes, { getVariables: () => ({ ...scope.variables }) });
  const names = { document: scopedDocument(scope), __hyperframes: hyperframes };
  const view = new Proxy(window, {
    get: (_, key) => {
      if (["window", "self", "globalThis"].includes(key)) return view;
      if (key === "gsap") return scopedGsap(scope);
      if (key === "__timelines") return timelines;
      return Object.hasOwn(names, key) ? names[key] : boundTo(window, key);
    },
    set: (_, key, value) => {
      if (key !== "__timelines") return Reflect.set(window, key, value);
      if (value !== timelines) Object.assign(timelines, value);
      return true;
    },
  });
  return { window: view, self: view, globalThis: view, gsap: scopedGsap(scope), __timelines: timelines, ...names };
};
const SCOPED = ["window", "self", "globalThis", "document", "gsap", "__hyperframes", "__timelines"];
const HANDOVER = "__helios_scope__";
const runScoped = (text, scope) => {
  const names = scopedNames(scope);
  window[HANDOVER] = SCOPED.map((name) => names[name]);
  const script = document.createElement("script");
  // As where it was written, an exception ends this script alone.
  script.text = `try { (function (${SCOPED}) {\n${text}\n}).call(window, ...${HANDOVER}); } catch (error) { console.error(error); }`;
  document.head.append(script);
  script.remove();
  delete window[HANDOVER];
};
