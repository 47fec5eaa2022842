// Builds dist/, or the folder that is given: faceproof.js (classic script),
// faceproof.mjs (ES module), faceproof-sound.js (what both load for the microphone), faceproof.d.ts (their types) and the demo pages. Old files go; placeholder.txt
// stays, for it is in git.

import { build } from 'esbuild';
import { cp, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const dist = process.argv[2] ? resolve(process.argv[2]) : join(here, 'dist');

await mkdir(dist, { recursive: true });
for (const name of await readdir(dist)) {
  if (name !== 'placeholder.txt') await rm(join(dist, name), { recursive: true });
}

const common = {
  absWorkingDir: here, bundle: true, minify: true, charset: 'utf8', target: 'es2020',
  legalComments: 'none', logLevel: 'warning',
  banner: { js: '/* Faceproof web SDK, Apache-2.0 */' },
};
await build({ ...common, entryPoints: ['sdk/classic.ts'], outfile: join(dist, 'faceproof.js'), format: 'iife' });
await build({ ...common, entryPoints: ['sdk/module.ts'], outfile: join(dist, 'faceproof.mjs'), format: 'esm' });
await build({ ...common, entryPoints: ['sdk/worklet.ts'], outfile: join(dist, 'faceproof-sound.js'), format: 'iife' });
await build({ ...common, entryPoints: ['demo/demo.ts'], outfile: join(dist, 'demo', 'demo.js'), format: 'iife', banner: {} });
await build({ ...common, entryPoints: ['record/record.ts'], outfile: join(dist, 'record', 'record.js'), format: 'iife', banner: {} });
await build({ ...common, entryPoints: ['consent/consent.ts'], outfile: join(dist, 'consent', 'consent.js'), format: 'iife', banner: {} });
await cp(join(here, 'sdk', 'faceproof.d.ts'), join(dist, 'faceproof.d.ts'));
for (const name of ['index.html', 'h5.html', 'demo.css', 'sample.js', 'h5.js']) await cp(join(here, 'demo', name), join(dist, 'demo', name));
for (const name of ['index.html', 'consent.css']) await cp(join(here, 'consent', name), join(dist, 'consent', name));
for (const name of ['index.html', 'record.css']) await cp(join(here, 'record', name), join(dist, 'record', name));

for (const name of ['faceproof.js', 'faceproof.mjs', 'faceproof-sound.js', 'demo/demo.js', 'record/record.js', 'consent/consent.js']) {
  console.log(`${name.padEnd(16)} ${((await stat(join(dist, name))).size / 1024).toFixed(1)} kB`);
}
