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

// A page that another system bundled, shown in a dialect that doesn't read it.
const otherSystem = () =>
  typeof window.getStaticCompositions === "function" && window.siteVersion && !dialect.compositions
    ? { unhonoured: ["getStaticCompositions"] }
    : null;
const support = () => {
  const inner = children().map((child) => child.support());
  return {
    dialect: otherSystem() ?? dialect.support(), // inner frames are pages of their own
    unsupported: [...unsupported, ...inner.flatMap((one) => one.unsupported)],
    tainted: tainted || inner.some((one) => one.tainted),
  };
};
