// Canvases that a worker draws on: its pictures take a way of their own to the page's, as a video's do.

let handsCanvases = false;
const { transferControlToOffscreen } = HTMLCanvasElement.prototype;
HTMLCanvasElement.prototype.transferControlToOffscreen = function () {
  handsCanvases = true;
  return transferControlToOffscreen.call(this);
};

// So do those of a canvas that isn't drawn in step with the page. The page may ask for that, but need not get it.
const { getContext } = HTMLCanvasElement.prototype;
HTMLCanvasElement.prototype.getContext = function (...args) {
  if (args[1]?.desynchronized) args[1] = { ...args[1], desynchronized: false };
  return getContext.apply(this, args);
};
