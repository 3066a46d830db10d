// Canvases that a worker draws on: its pictures take a way of their own to the page's, as a video's do.

let handsCanvases = false;
const { transferControlToOffscreen } = HTMLCanvasElement.prototype;
HTMLCanvasElement.prototype.transferControlToOffscreen = function () {
  handsCanvases = true;
  return transferControlToOffscreen.call(this);
};
