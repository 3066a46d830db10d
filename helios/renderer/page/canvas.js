// Reads the picture of a page that shows one 2D canvas and nothing else.
//
// Such a page needs no composing and no screenshot: its pixels are in the canvas already. Evaluated
// before any script of the page. `picture()` answers null wherever a screenshot might differ.
(() => {
  "use strict";
  const KEY = "__helios_canvas__";
  if (window[KEY] || window.parent !== window) return;

  // The page may replace any of these, so this script keeps the browser's own.
  const native = {
    getContext: HTMLCanvasElement.prototype.getContext,
    toDataURL: HTMLCanvasElement.prototype.toDataURL,
    rectangle: Element.prototype.getBoundingClientRect,
    style: window.getComputedStyle.bind(window),
    fillRect: CanvasRenderingContext2D.prototype.fillRect,
    drawImage: CanvasRenderingContext2D.prototype.drawImage,
    putImageData: CanvasRenderingContext2D.prototype.putImageData,
    ImageData: window.ImageData,
    createElement: document.createElement.bind(document),
  };
  const contexts = new WeakMap();

  HTMLCanvasElement.prototype.getContext = function getContext(...rest) {
    const context = native.getContext.apply(this, rest);
    if (context) contexts.set(this, context);
    return context;
  };

  // --- what is there to see ---------------------------------------------------------------------

  const UNSEEN = new Set(["SCRIPT", "STYLE", "LINK", "META", "TEMPLATE"]);
  const BOXES = new Set(["DIV", "MAIN", "SECTION", "ARTICLE"]);
  const CLEAR = "rgba(0, 0, 0, 0)";

  // What a box has by default, and what else would change how its content looks.
  const PLAIN = {
    opacity: "1",
    visibility: "visible",
    contentVisibility: "visible",
    contain: "none",
    mixBlendMode: "normal",
    backdropFilter: "none",
    filter: "none",
    clip: "auto",
    clipPath: "none",
    maskImage: "none",
    webkitBoxReflect: "none",
    transform: "none",
    rotate: "none",
    scale: "none",
    translate: "none",
    offsetPath: "none",
    zoom: "1",
    outlineStyle: "none",
    borderImageSource: "none",
    borderTopWidth: "0px",
    borderRightWidth: "0px",
    borderBottomWidth: "0px",
    borderLeftWidth: "0px",
    borderTopLeftRadius: "0px",
    borderTopRightRadius: "0px",
    borderBottomLeftRadius: "0px",
    borderBottomRightRadius: "0px",
    backgroundImage: "none",
    colorScheme: "normal",
    scrollbarGutter: "auto",
  };

  const fills = (element) => {
    const box = native.rectangle.call(element);
    return box.left <= 0 && box.top <= 0 && box.right >= innerWidth && box.bottom >= innerHeight;
  };

  const decorated = (element) =>
    ["::before", "::after"].some((part) => !["none", "normal"].includes(native.style(element, part).content));

  const plain = (element, style) =>
    Object.entries(PLAIN).every(([name, value]) => style[name] === undefined || style[name] === value) &&
    !(style.zIndex < 0) &&
    !decorated(element);

  // The only thing in a box that might be seen; null if there are more, or text.
  const only = (box) => {
    let found = null;
    for (const node of box.childNodes) {
      if (node.nodeType === Node.COMMENT_NODE || UNSEEN.has(node.nodeName)) continue;
      if (node.nodeType === Node.TEXT_NODE && !node.data.trim()) continue;
      if (found || node.nodeType !== Node.ELEMENT_NODE) return null;
      found = node;
    }
    return found;
  };

  // The page's boxes from the outermost to the canvas; null if there is anything else to see.
  const chain = () => {
    const root = document.documentElement;
    const body = document.body;
    if (!body || root.childElementCount !== 2 || root.firstElementChild !== document.head) return null;
    const boxes = [root, body];
    for (let box = only(body); box; box = only(box)) {
      boxes.push(box);
      if (box.nodeName === "CANVAS") return boxes;
      if (!BOXES.has(box.nodeName) || box.shadowRoot) return null;
    }
    return null;
  };

  // The colour behind the canvas; null if what is around changes how the canvas looks.
  const ground = (boxes) => {
    let colour = null;
    for (const [depth, box] of boxes.entries()) {
      const style = native.style(box);
      if (!plain(box, style)) return null;
      const painted = style.backgroundColor !== CLEAR;
      // What the browser mixes in one step, this script would round twice.
      const mixed = box.nodeName === "CANVAS" || !style.backgroundColor.startsWith("rgb(");
      if (painted && mixed) return null;
      // The root's ground and clip are the whole page's; the body's stand in where it has none.
      const spreads = depth === 0 || (depth === 1 && !colour);
      const limits = painted || (depth > 1 && style.overflow !== "visible");
      if (limits && !spreads && !fills(box)) return null;
      if (painted) colour = style.backgroundColor;
    }
    return colour ?? "white";
  };

  // Whether each pixel of the canvas is one of the page, and it fills the page.
  const covers = (canvas) => {
    const box = native.rectangle.call(canvas);
    const style = native.style(canvas);
    return (
      box.left === 0 &&
      box.top === 0 &&
      box.width === innerWidth &&
      box.height === innerHeight &&
      canvas.width === innerWidth &&
      canvas.height === innerHeight &&
      style.padding === "0px" &&
      style.objectFit === "fill" &&
      style.objectPosition === "50% 50%" &&
      !scrollX &&
      !scrollY
    );
  };

  // --- the picture --------------------------------------------------------------------------------

  let flat = null;

  const surface = (width, height) => {
    const canvas = native.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    return native.getContext.call(canvas, "2d", { alpha: false });
  };

  // A canvas with transparency, on what is behind it.
  const flatten = (canvas, colour) => {
    const { width, height } = canvas;
    if (flat?.canvas.width !== width || flat.canvas.height !== height) flat = surface(width, height);
    flat.fillStyle = colour;
    native.fillRect.call(flat, 0, 0, width, height);
    native.drawImage.call(flat, canvas, 0, 0);
    return flat.canvas;
  };

  let keyed = null;

  // Encodes the key of a request for a raw frame: the next encoding answers the request.
  const encodeKey = (key) => {
    keyed ??= surface(key.length / 4, 1);
    const image = new native.ImageData(key.length / 4, 1);
    for (let n = 0; n < key.length; n++) image.data[n] = key[n];
    native.putImageData.call(keyed, image, 0, 0);
    native.toDataURL.call(keyed.canvas, "image/jpeg");
  };

  // The picture in base64, or null if the page shows anything but one canvas.
  const picture = (type, quality, key) => {
    const boxes = chain();
    const canvas = boxes?.at(-1);
    const context = contexts.get(canvas);
    if (!(context instanceof CanvasRenderingContext2D) || !covers(canvas)) return null;
    const colour = ground(boxes);
    const { alpha, colorSpace, colorType } = context.getContextAttributes();
    if (!colour || colorSpace !== "srgb" || colorType === "float16") return null;
    if (document.querySelector("meta[name=color-scheme i]")) return null;
    try {
      const source = alpha ? flatten(canvas, colour) : canvas;
      if (key.length) encodeKey(key);
      return native.toDataURL.call(source, type, quality).split(",", 2)[1];
    } catch {
      return null; // it holds pixels of another origin
    }
  };

  Object.defineProperty(window, KEY, { value: Object.freeze({ picture }) });
})();
