// Renders one benchmark scene with Remotion and says how long that took.
//
//   node render.mjs --scene gradient --concurrency 1 --out x.mp4 --json
//   node render.mjs --scene deck --stills 0,31,149 --out folder
//   node render.mjs --bundle        (afresh, for sources that have changed)

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from '@remotion/bundler';
import { openBrowser, renderMedia, renderStill, selectComposition } from '@remotion/renderer';

const HERE = import.meta.dirname;
const BUNDLE = path.join(HERE, 'node_modules', '.cache', 'helios-bundle');

const { values: options } = parseArgs({
  options: {
    scene: { type: 'string' },
    concurrency: { type: 'string', default: '1' },
    out: { type: 'string' },
    browser: { type: 'string', default: '/usr/bin/chromium-headless-shell' },
    gl: { type: 'string' },
    stills: { type: 'string' },
    json: { type: 'boolean', default: false },
    bundle: { type: 'boolean', default: false },
  },
});

const browserOptions = {
  browserExecutable: options.browser,
  chromeMode: 'headless-shell',
  chromiumOptions: options.gl ? { gl: options.gl } : {},
  logLevel: 'error',
};

async function makeBundle() {
  await bundle({ entryPoint: path.join(HERE, 'src', 'index.js'), outDir: BUNDLE });
}

async function renderStills(context) {
  mkdirSync(options.out, { recursive: true });
  for (const frame of options.stills.split(',').map(Number)) {
    const output = path.join(options.out, `${options.scene}-${frame}.png`);
    await renderStill({ ...context, output, frame, imageFormat: 'png' });
  }
}

async function renderVideo(context) {
  const begin = performance.now();
  await renderMedia({
    ...context,
    outputLocation: options.out,
    codec: 'h264',
    x264Preset: 'veryfast',
    crf: 23,
    imageFormat: 'jpeg',
    jpegQuality: 80,
    concurrency: Number(options.concurrency),
    enforceAudioTrack: false,
    muted: true,
    overwrite: true,
  });
  return (performance.now() - begin) / 1000;
}

async function main() {
  const begin = performance.now();
  if (options.bundle || !existsSync(path.join(BUNDLE, 'index.html'))) await makeBundle();
  if (!options.scene) return;
  const browser = await openBrowser('chrome', browserOptions);
  try {
    const shared = { ...browserOptions, serveUrl: BUNDLE, puppeteerInstance: browser };
    const composition = await selectComposition({ ...shared, id: options.scene });
    const context = { ...shared, composition };
    if (options.stills) {
      await renderStills(context);
      return;
    }
    const renderSeconds = await renderVideo(context);
    report(composition.durationInFrames, renderSeconds, (performance.now() - begin) / 1000);
  } finally {
    await browser.close({ silent: true });
  }
}

function report(frames, renderSeconds, totalSeconds) {
  const result = {
    scene: options.scene,
    concurrency: Number(options.concurrency),
    frames,
    renderSeconds,
    totalSeconds,
    fps: frames / renderSeconds,
  };
  if (options.json) {
    console.log(JSON.stringify(result));
  } else {
    console.log(`${result.scene}: ${result.fps.toFixed(1)} fps (${renderSeconds.toFixed(2)} s)`);
  }
}

await main();
