// Bundles the pages' scripts that a browser can't read as they are: build.mjs FOLDER
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { compile } from "svelte/compiler";

const here = dirname(fileURLToPath(import.meta.url));
const svelte = {
  name: "svelte",
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const compiled = compile(await readFile(path, "utf8"), { filename: path, css: "injected" });
      return { contents: compiled.js.code };
    });
  },
};
const mount = `import { mount } from "svelte";
import App from "./App.svelte";
mount(App, { target: document.getElementById("root") });
`;
const common = {
  bundle: true,
  format: "iife",
  define: { "process.env.NODE_ENV": '"production"' },
  conditions: ["browser", "svelte"],
  plugins: [svelte],
  logLevel: "warning",
};
await build({ ...common, entryPoints: [join(here, "react.js")], outfile: join(process.argv[2], "react.js") });
await build({
  ...common,
  stdin: { contents: mount, resolveDir: here },
  outfile: join(process.argv[2], "svelte.js"),
});
