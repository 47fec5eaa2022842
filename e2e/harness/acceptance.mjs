// A row for docs/acceptance.md, as internal/acceptance of the Go side writes
// them: where FACEPROOF_ACCEPTANCE names a folder, else nothing.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../camera/portraits.mjs';

/** Leaves one measurement: {area, test, n, failures, result, outcome}. */
export function record(row) {
  const dir = process.env.FACEPROOF_ACCEPTANCE;
  if (!dir) return;
  let commit = 'unknown';
  try {
    const git = (...a) => execFileSync('git', a, { cwd: ROOT }).toString().trim();
    commit = git('rev-parse', '--short=10', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '+' : '');
  } catch { /* no git */ }
  mkdirSync(dir, { recursive: true });
  const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  appendFileSync(path.join(dir, 'rows.jsonl'), `${JSON.stringify({ number: '', gate: '', failures: 0, ...row, commit, time })}\n`);
}
