// What a page asks for that can't be rendered right.

const unsupported = new Set();
const noteCalls = (holder, name, feature) =>
  replace(holder ?? {}, name, {
    apply: (operation, self, args) => {
      unsupported.add(feature);
      return Reflect.apply(operation, self, args);
    },
  });
noteCalls(window.Navigator?.prototype, "requestMediaKeySystemAccess", "protected media (requestMediaKeySystemAccess)");
noteCalls(window.MediaDevices?.prototype, "getUserMedia", "a camera or microphone (getUserMedia)");
noteCalls(window.MediaDevices?.prototype, "getDisplayMedia", "a screen (getDisplayMedia)");
for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection"]) {
  replace(window, name, {
    construct: (constructor, args, target) => {
      unsupported.add("a call to another machine (RTCPeerConnection)");
      return Reflect.construct(constructor, args, target);
    },
  });
}

// A canvas on which another origin's image or video was drawn without its consent shows it, but
// refuses to be read.
let tainted = false;
const noteRefusals = (holder, name) =>
  replace(holder ?? {}, name, {
    apply: (operation, self, args) => {
      try {
        return Reflect.apply(operation, self, args);
      } catch (error) {
        tainted ||= error.name === "SecurityError";
        throw error;
      }
    },
  });
noteRefusals(HTMLCanvasElement.prototype, "toBlob");
noteRefusals(HTMLCanvasElement.prototype, "toDataURL");
noteRefusals(CanvasRenderingContext2D.prototype, "getImageData");
for (const context of [window.WebGLRenderingContext, window.WebGL2RenderingContext]) {
  for (const name of ["texImage2D", "texSubImage2D"]) noteRefusals(context?.prototype, name);
}

// --- dialects -----------------------------------------------------------------------------------

// Attributes by which players of other systems place elements in time, and which only such a player
// honours. A page that brings one along drives itself.
const unhonoured = () => {
  if (typeof window.getStaticCompositions === "function" && window.siteVersion) return ["getStaticCompositions"];
  if (window.__player || typeof window.__hf?.seek === "function") return [];
  const found = new Set();
  const hosts = [...document.querySelectorAll("[data-composition-src]")];
  if (hosts.some((host) => !host.childElementCount)) found.add("data-composition-src");
  const root = document.querySelector("[data-composition-id]");
  const length = Number(root?.dataset.duration) || Infinity;
  for (const element of root?.querySelectorAll("[data-start]") ?? []) {
    const { start, end, duration } = element.dataset;
    if (start !== "" && Number(start) !== 0) found.add("data-start"); // an element's id as well
    if (duration !== undefined && Number(duration) < length) found.add("data-duration");
    if (end !== undefined && Number(end) < length) found.add("data-end");
    for (const name of ["data-media-start", "data-playback-start", "data-playback-rate", "data-volume"]) {
      if (element instanceof HTMLMediaElement && element.hasAttribute(name)) found.add(name);
    }
  }
  if (document.querySelector("[data-var-text], [data-var-src], [data-variable-values]")) found.add("data-var-*");
  return [...found];
};

const support = () => {
  const inner = children().map((child) => child.support());
  return {
    unhonoured: unhonoured(), // inner frames are pages of their own
    unsupported: [...unsupported, ...inner.flatMap((one) => one.unsupported)],
    tainted: tainted || inner.some((one) => one.tainted),
  };
};
