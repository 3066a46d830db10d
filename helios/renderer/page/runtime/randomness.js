// Seeded randomness: one stream for each frame and timer, so that a frame never depends on those before it.

let randomState = 0;
const reseed = (...parts) => {
  // FNV-1a over the parts: spreads neighbouring seeds and frames over all 32 bits.
  let hash = 0x811c9dc5;
  for (const char of [config.seed, ...parts].join("/")) {
    hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193);
  }
  randomState = hash >>> 0;
};
const random = () => {
  // mulberry32 (Tommy Ettinger, public domain): 32 bits of state, passes gjrand.
  randomState = (randomState + 0x6d2b79f5) >>> 0;
  let t = Math.imul(randomState ^ (randomState >>> 15), randomState | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
reseed("load");
Math.random = random;
if (globalThis.crypto) {
  const randomBytes = (view) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
    return view;
  };
  Crypto.prototype.getRandomValues = randomBytes;
  Crypto.prototype.randomUUID = () => {
    const b = randomBytes(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  };
}
