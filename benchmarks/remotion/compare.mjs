// Do both versions of each scene give the same picture? Renders the same frames with Remotion and
// with `helios still`, and prints their SSIM and PSNR.
//
//   node compare.mjs [--frames 33,75,149] [--out folder]

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const HERE = import.meta.dirname;
const HELIOS = path.join(HERE, '..', '..', '.venv', 'bin', 'helios');

const { values: options } = parseArgs({
  options: { frames: { type: 'string', default: '33,75,149' }, out: { type: 'string' } },
});
const folder = options.out ?? mkdtempSync(path.join(os.tmpdir(), 'scenes-'));

function measure(ours, theirs) {
  const graph = '[0]format=gbrp,split[a][b];[1]format=gbrp,split[c][d];[a][c]ssim;[b][d]psnr';
  const inputs = ['-i', ours, '-i', theirs];
  const result = spawnSync('ffmpeg', ['-hide_banner', ...inputs, '-lavfi', graph, '-f', 'null', '-']);
  const log = result.stderr.toString();
  return { ssim: log.match(/All:([\d.]+)/)[1], psnr: log.match(/average:(\S+)/)[1] };
}

for (const scene of ['gradient', 'ball', 'deck']) {
  const frames = options.frames;
  const render = ['render.mjs', '--scene', scene, '--stills', frames, '--out', folder];
  execFileSync('node', render, { cwd: HERE, stdio: 'inherit' });
  for (const frame of frames.split(',')) {
    const theirs = path.join(folder, `${scene}-${frame}.png`);
    const ours = path.join(folder, `${scene}-${frame}-helios.png`);
    const page = path.join(HERE, '..', 'scenes', scene);
    execFileSync(HELIOS, ['still', page, '-o', ours, '--frame', frame]);
    const { ssim, psnr } = measure(ours, theirs);
    console.log(`${scene.padEnd(9)} frame ${frame.padStart(3)}  SSIM ${ssim}  PSNR ${psnr} dB`);
  }
}
