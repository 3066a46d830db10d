// Images, which load and are decoded wherever they are.

const countImages = () => {
  const { prototype } = HTMLImageElement;
  const ended = (image) => image.complete;
  const note = (image) => {
    if (image.complete) return;
    if (image.loading === "lazy") image.loading = "eager";
    finish(image, () => `image ${image.currentSrc || image.src}`, ended);
  };
  const noting = {
    apply: (setter, self, args) => {
      Reflect.apply(setter, self, args);
      if (self instanceof HTMLImageElement) note(self);
    },
  };
  for (const name of ["src", "srcset"]) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    Object.defineProperty(prototype, name, { ...descriptor, set: new Proxy(descriptor.set, noting) });
  }
  // Images have one of their own, so that all other elements keep the browser's, which is faster.
  const setAttribute = Object.getOwnPropertyDescriptor(Element.prototype, "setAttribute");
  Object.defineProperty(prototype, "setAttribute", { ...setAttribute, value: new Proxy(setAttribute.value, noting) });
};
countImages();
