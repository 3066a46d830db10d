// Renders a composition with Remotion's own renderer: remotion_render.mjs BUNDLE ID FRAMES FOLDER BROWSER
// Frames, given by their numbers, become ID-FRAME.png, and the sound ID.wav.
import { join } from "node:path";
import { renderMedia, renderStill, selectComposition } from "@remotion/renderer";

const [serveUrl, id, frames, folder, browserExecutable] = process.argv.slice(2);
const common = { serveUrl, id, browserExecutable, chromeMode: "headless-shell", logLevel: "error" };
const composition = await selectComposition(common);
for (const frame of frames.split(",").filter(Boolean).map(Number)) {
  const output = join(folder, `${id}-${frame}.png`);
  await renderStill({ ...common, composition, output, frame, imageFormat: "png" });
}
if (!frames) await renderMedia({ ...common, composition, codec: "wav", outputLocation: join(folder, `${id}.wav`) });
