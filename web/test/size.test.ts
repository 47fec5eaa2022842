import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

const LIMIT = 40 * 1024; // issue: the SDK is at most 40 kB gzip

test('the built SDK is small and stands alone', (t) => {
  const dist = mkdtempSync(join(tmpdir(), 'faceproof-dist-'));
  try {
    execFileSync(process.execPath, [join(WEB_DIR, 'build.mjs'), dist]);
    for (const name of ['faceproof.js', 'faceproof.mjs', 'faceproof-sound.js']) {
      const code = readFileSync(join(dist, name));
      const size = gzipSync(code, { level: 9 }).length;
      t.diagnostic(`${name}: ${size} bytes gzip`);
      assert(size <= LIMIT, `${name} is ${size} bytes gzip`);
      const text = new TextDecoder().decode(code);
      assert.doesNotMatch(text, /\beval\(|new Function\(|innerHTML|document\.write/, name);
      assert.doesNotMatch(text, /(^|;)\s*import\s*[{*"']|\brequire\(/, name);
    }
    assert(readFileSync(join(dist, 'faceproof.d.ts')).length > 0);
    for (const name of ['index.html', 'h5.html', 'demo.js', 'demo.css', 'sample.js', 'h5.js']) assert(readFileSync(join(dist, 'demo', name)).length > 0, name);
  } finally {
    rmSync(dist, { recursive: true });
  }
});
