// Bundles the TypeScript tests and runs them with node's own runner.

import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = await mkdtemp(join(tmpdir(), 'faceproof-web-'));
try {
  const entries = (await readdir(join(here, 'test'))).filter((n) => n.endsWith('.test.ts')).map((n) => join(here, 'test', n));
  await build({
    entryPoints: entries, outdir: out, bundle: true, platform: 'node', format: 'esm', target: 'node20', sourcemap: 'inline',
    outExtension: { '.js': '.mjs' }, external: ['esbuild'], logLevel: 'warning', define: { WEB_DIR: JSON.stringify(here) },
  });
  const files = (await readdir(out)).map((n) => join(out, n));
  const r = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files], { stdio: 'inherit' });
  process.exitCode = r.status ?? 1;
} finally {
  await rm(out, { recursive: true, force: true });
}
