// Images that move by themselves: animated GIF, APNG, WebP, AVIF and SVG, shown by <img>, <image> or CSS.
//
// The browser moves them by its own clock. So each is replaced by a still image of what it shows at the
// frame's time. CSS names it by a custom property, so that one change reaches all places.

const IMAGE_TAGS = "img, image, feImage";
const IMAGE_STYLES = ["background-image", "border-image-source", "mask-image", "list-style-image", "content"];
const OWN_NAMES = "--helios-image-";
const nativeFetch = window.fetch.bind(window);

const movingImages = new Map(); // url -> a promise, then { at, next, since, name, still } or null
const shownImages = new Map(); // element -> { image, url, own }: what it shows in place of what it names
let imagesNamed = 0;

// --- what an image is ---------------------------------------------------------------------------

const bytesOf = async (url, most) => {
  if (url.startsWith("data:")) {
    const [head, ...body] = url.split(",");
    const text = decodeURIComponent(body.join(","));
    return /;\s*base64\s*$/i.test(head)
      ? Uint8Array.from(atob(text.replace(/\s/g, "")), (char) => char.charCodeAt(0))
      : new TextEncoder().encode(text);
  }
  const headers = most && !url.startsWith("blob:") ? { Range: `bytes=0-${most - 1}` } : {};
  const answer = await nativeFetch(url, { headers });
  return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : new Uint8Array();
};
const kindOf = (url) => {
  if (url.startsWith("data:")) return url.slice(5, 40).match(/^image\/(svg|gif|png|apng|webp|avif)/)?.[1];
  if (url.startsWith("blob:")) return "blob";
  const told = performance.getEntriesByName(url).find((entry) => entry.contentType)?.contentType ?? "";
  return (told.match(/^image\/(svg|gif|png|apng|webp|avif)/) ?? url.match(/\.(svg|gif|a?png|webp|avif)(?=$|[?#])/i))?.[1].toLowerCase();
};
const HEAD = 1 << 16; // bytes in which a file says that it moves
const says = (bytes, text, from = 0, to = bytes.length) => {
  const latin = new TextDecoder("latin1").decode(bytes.subarray(from, to));
  return latin.includes(text);
};
const bitmapTypeOf = (bytes) => {
  if (says(bytes, "GIF8", 0, 4)) return "image/gif";
  if (says(bytes, "PNG", 1, 4) && says(bytes, "acTL")) return "image/png";
  if (says(bytes, "WEBP", 8, 12) && says(bytes, "ANIM")) return "image/webp";
  if (says(bytes, "avis", 8, 64)) return "image/avif";
  return null;
};
// Another origin need not let scripts read its files, and a refusal would count as a missing file.
const isReadable = (url) =>
  url.startsWith("data:") ||
  (new URL(url).origin === window.origin &&
    !performance.getEntriesByName(url).some((entry) => entry.responseStatus >= 400));
const lookAtImage = async (url) => {
  const kind = kindOf(url);
  if (!kind || !isReadable(url)) return null;
  const head = await bytesOf(url, kind === "svg" ? undefined : HEAD);
  if (kind === "svg" || (kind === "blob" && says(head, "<svg"))) return movingSvg(new TextDecoder().decode(head));
  const type = bitmapTypeOf(head);
  return type && globalThis.ImageDecoder ? movingBitmap(await bytesOf(url), type) : null;
};

// --- bitmaps ------------------------------------------------------------------------------------

const movingBitmap = async (data, type) => {
  const decoder = new ImageDecoder({ data, type });
  await decoder.tracks.ready;
  await decoder.completed;
  const { frameCount, repetitionCount } = decoder.tracks.selectedTrack;
  if (frameCount < 2) return null;
  const ends = []; // of each picture, in milliseconds since the first
  for (let i = 0; i < frameCount; i++) {
    const { image } = await decoder.decode({ frameIndex: i });
    const length = (image.duration ?? 0) / 1000;
    image.close();
    // Browsers take what is too short to be seen for a mistake.
    ends.push((ends.at(-1) ?? 0) + (length < 11 ? 100 : length));
  }
  const round = ends.at(-1);
  const isOver = (time) => time >= round * (repetitionCount + 1);
  const indexAt = (time) => (isOver(time) ? frameCount - 1 : ends.findIndex((end) => time % round < end - 1e-6));
  const pictures = new Map();
  const picture = async (index) => {
    const { image } = await decoder.decode({ frameIndex: index });
    const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight);
    canvas.getContext("2d").drawImage(image, 0, 0);
    image.close();
    return canvas.convertToBlob();
  };
  return {
    at: async (time) => {
      const index = Math.max(indexAt(time), 0);
      if (!pictures.has(index)) pictures.set(index, URL.createObjectURL(await picture(index)));
      return pictures.get(index);
    },
    next: (time) => (isOver(time) ? Infinity : Math.floor(time / round) * round + ends[Math.max(indexAt(time), 0)]),
  };
};

// --- where images are shown ---------------------------------------------------------------------

const URLS = /url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^"')\s]+))\s*\)/g;
const knowImage = (url) => {
  if (!movingImages.has(url)) {
    const since = frame < 0 || clock === 0 ? 0 : clock;
    const seen = lookAtImage(url).then(
      (image) => image && { ...image, since, name: `${OWN_NAMES}${++imagesNamed}`, url: null, picture: null },
      () => null, // can't be read
    );
    movingImages.set(url, seen);
    seen.then((image) => movingImages.set(url, image));
  }
  return movingImages.get(url);
};
const absolute = (url, base) => {
  try {
    return new URL(url, base).href;
  } catch {
    return "";
  }
};
const imageStyles = (style) =>
  [...style].filter((name) => (name.startsWith("--") && !name.startsWith(OWN_NAMES)) || IMAGE_STYLES.includes(name));
const readStyle = (style, base) => {
  if (!style?.cssText.includes("url(")) return [];
  const found = [];
  for (const name of imageStyles(style)) {
    for (const [, ...urls] of style.getPropertyValue(name).matchAll(URLS)) {
      found.push(knowImage(absolute(urls.find(Boolean) ?? "", base)));
    }
  }
  return found;
};
const rewriteStyle = (style, base) => {
  if (!style?.cssText.includes("url(")) return;
  for (const name of imageStyles(style)) {
    const value = style.getPropertyValue(name);
    const changed = value.replace(URLS, (text, ...urls) => {
      const image = movingImages.get(absolute(urls.slice(0, 3).find(Boolean) ?? "", base));
      return image?.at ? `var(${image.name})` : text;
    });
    if (changed !== value) style.setProperty(name, changed, style.getPropertyPriority(name));
  }
};
const rulesOf = (sheet) => {
  try {
    return [...sheet.cssRules];
  } catch {
    return []; // another origin's
  }
};
const eachStyle = (rules, base, call) => {
  for (const rule of rules) {
    if (rule.style) call(rule.style, base);
    if (rule.styleSheet) eachStyle(rulesOf(rule.styleSheet), rule.styleSheet.href ?? base, call);
    if (rule.cssRules) eachStyle(rule.cssRules, base, call);
  }
};
const sheetsOf = (root) => [...root.styleSheets, ...(root.adoptedStyleSheets ?? [])];
let sheetsRead = "";
// Styles that may name images, as [style, base]: of elements, and of style sheets where these have changed.
const namingStyles = () => {
  const found = [];
  const key = [...roots].map((root) => sheetsOf(root).map((sheet) => rulesOf(sheet).length)).join(";");
  const isWhole = key !== sheetsRead;
  sheetsRead = key;
  for (const root of roots) {
    const note = (style, base) => void found.push([style, base]);
    if (isWhole) for (const sheet of sheetsOf(root)) eachStyle(rulesOf(sheet), sheet.href ?? document.baseURI, note);
    for (const element of root.querySelectorAll('[style*="url("]')) note(element.style, document.baseURI);
  }
  return found;
};
// What an <image> names itself, under what it is made to name.
const ownUrl = (element) => {
  const [named, shown] = [element.href.baseVal, shownImages.get(element)];
  return shown?.url === named ? shown.own : named;
};
const urlOf = (element) =>
  element instanceof HTMLImageElement
    ? element.currentSrc || element.src
    : absolute(ownUrl(element), document.baseURI);
const imageElements = () => [...roots].flatMap((root) => [...root.querySelectorAll(IMAGE_TAGS)]);

const showImage = (element, image) => {
  if (!image) {
    if (shownImages.delete(element)) element.style.removeProperty("content");
    return;
  }
  const own = element.href && ownUrl(element);
  if (own === undefined) element.style.setProperty("content", `var(${image.name})`, "important");
  else if (element.href.baseVal !== image.url) element.setAttribute("href", image.url);
  shownImages.set(element, { own, url: image.url, image });
};
const moveImage = async (image) => {
  if (image.shownAt === clock) return;
  image.shownAt = clock;
  const url = await image.at(clock - image.since);
  if (url === image.url) return;
  const picture = new Image();
  const loaded = new Promise((resolve) => (picture.onload = picture.onerror = resolve));
  picture.src = url;
  await loaded;
  Object.assign(image, { url, picture });
  document.documentElement.style.setProperty(image.name, `url("${url}")`);
};
const moveImages = () => Promise.all([...movingImages.values()].filter((image) => image?.at).map(moveImage));
// Change what styles name, without the transitions that begin with it where all properties have some.
const changeImages = async (change) => {
  const before = [...movingImages.values()].some((image) => image?.at) && new Set(animations());
  await change();
  if (!before) return;
  for (const one of animations()) {
    if (one instanceof CSSTransition && one.transitionProperty.includes("image") && !before.has(one)) one.cancel();
  }
};
const findImages = async () => {
  const styles = namingStyles();
  const elements = imageElements();
  const images = await Promise.all(elements.map((element) => knowImage(urlOf(element))));
  await Promise.all(styles.flatMap((style) => readStyle(...style)));
  await changeImages(async () => {
    for (const style of styles) rewriteStyle(...style);
    await moveImages();
  });
  elements.forEach((element, i) => (images[i] || shownImages.has(element)) && showImage(element, images[i]));
};
const nextImageEvent = () =>
  Math.min(Infinity, ...[...movingImages.values()].map((image) => (image?.at ? image.since + image.next(clock - image.since) : Infinity)));

// What is drawn from an <img> to a canvas is what the <img> shows. Of a bitmap that is its first picture.
const standIn = (source) => {
  const image = source instanceof Element ? shownImages.get(source)?.image : undefined;
  return image?.isSvg ? image.picture : source;
};
for (const [owner, ...names] of [
  [CanvasRenderingContext2D, "drawImage", "createPattern"],
  [window.WebGLRenderingContext, "texImage2D", "texSubImage2D"],
  [window.WebGL2RenderingContext, "texImage2D", "texSubImage2D", "texImage3D", "texSubImage3D"],
]) {
  for (const name of names) {
    const original = owner?.prototype[name];
    if (!original) continue;
    owner.prototype[name] = function (...args) {
      return original.apply(this, args.map(standIn));
    };
  }
}
