// What `blob:` addresses stand for, also once they have been revoked.

const objects = new Map(); // address -> Blob or MediaSource; pages make many of images, which none needs
const kept = new Map(); // those that a media element has been given
let revoked = [];
const keepObject = (address) => {
  if (!kept.has(address) && objects.has(address)) kept.set(address, objects.get(address));
};
// Not at once: an element may have been given the address by an attribute just before.
const forgetRevoked = () => {
  for (const address of revoked) objects.delete(address);
  revoked = [];
};
URL.createObjectURL = new Proxy(URL.createObjectURL, {
  apply: (create, target, args) => {
    const address = Reflect.apply(create, target, args);
    if (!args[0].type?.startsWith("image/")) objects.set(address, args[0]);
    return address;
  },
});
URL.revokeObjectURL = new Proxy(URL.revokeObjectURL, {
  apply: (revoke, target, args) => {
    revoked.push(String(args[0]));
    return Reflect.apply(revoke, target, args);
  },
});
const objectAt = (address) => kept.get(address) ?? objects.get(address) ?? parentRuntime()?.objectAt(address);
// The Blob at an address of this document, its frame's or its inner frames'; undefined if none is.
const blobAt = (address) => {
  const object = objectAt(address);
  if (typeof object?.arrayBuffer === "function") return object;
  return [...knownChildren].map((child) => child.blobAt(address)).find(Boolean);
};
// Whether scripts or devices feed an element piece by piece: it may never get any of it.
const isFed = (element) =>
  Boolean(element.srcObject) || (window.MediaSource && objectAt(element.src) instanceof MediaSource);
