// Bundles the compositions of `remotion` with Remotion's bundler: remotion.mjs FOLDER
import { readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "@remotion/bundler";

const here = dirname(fileURLToPath(import.meta.url));
const outDir = resolve(process.argv[2]);
await bundle({
  entryPoint: join(here, "remotion", "index.js"),
  rootDir: dirname(here),
  publicDir: join(here, "remotion", "public"),
  outDir,
  enableCaching: false,
  rspack: true,
});
// Remotion asks for the map of its first script alone.
for (const name of await readdir(outDir)) if (name.endsWith(".bundle.js.map")) await rm(join(outDir, name));
