// Starts bin/faceproof with a fresh data folder; only the models are shared.
import { spawn, execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../camera/portraits.mjs';

const run = promisify(execFile);
export const BIN = process.env.FACEPROOF_BIN ?? path.join(ROOT, 'bin/faceproof');
/** The folder that make run uses; its models serve the tests too. */
export const INSTALLED = path.resolve(ROOT, process.env.FACEPROOF_DATA ?? 'data');

async function freePort() {
  const s = net.createServer();
  await new Promise((ok, no) => s.once('error', no).listen(0, '127.0.0.1', ok));
  const { port } = s.address();
  await new Promise((ok) => s.close(ok));
  return port;
}

/**
 * A running demo server: {url, port, data, log (lines), cli(args) → JSON, stop()}.
 * demo: false starts it without the demo.
 */
export async function startServer({ demo = true, args = [] } = {}) {
  if (!existsSync(BIN)) throw new Error('no bin/faceproof: run make build');
  if (!existsSync(path.join(INSTALLED, 'models'))) throw new Error('no models installed: run make models');
  const data = mkdtempSync(path.join(os.tmpdir(), 'faceproof-e2e-'));
  symlinkSync(path.join(INSTALLED, 'models'), path.join(data, 'models'));
  const port = await freePort();
  const env = { ...process.env, PORT: String(port), FACEPROOF_DATA: data };
  const child = spawn(BIN, ['serve', ...(demo ? ['--demo'] : []), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  const collect = (chunk) => log.push(...chunk.toString().split('\n').filter(Boolean));
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  let ended = null;
  const gone = new Promise((ok) => child.once('exit', (code, signal) => { ended = code ?? signal; ok(); }));
  const url = `http://localhost:${port}`;
  const stop = async () => {
    if (ended === null) child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 8000);
    await gone;
    clearTimeout(late);
    rmSync(data, { recursive: true, force: true });
  };
  const until = Date.now() + 60_000;
  for (;;) {
    if (ended !== null || Date.now() > until) {
      await stop();
      throw new Error(`faceproof did not start (${ended ?? 'time'}):\n${log.slice(-30).join('\n')}`);
    }
    const ok = await fetch(`${url}/healthz`).then((r) => r.ok, () => false);
    if (ok) break;
    await new Promise((r) => setTimeout(r, 100));
  }
  const cli = async (...a) => JSON.parse((await run(BIN, ['--data', data, '--json', ...a], { maxBuffer: 1 << 24 })).stdout);
  return { url, port, data, log, cli, stop };
}

/** Calls an endpoint of the server as a business backend would. */
export async function call(server, route, body) {
  const r = await fetch(server.url + route, body === undefined ? {} : {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  return r.json();
}

/** An access token for an app (stable_token does not invalidate the demo's own). */
export async function accessToken(server, app) {
  const t = await call(server, '/cgi-bin/stable_token', { grant_type: 'client_credential', appid: app.id, secret: app.secret });
  if (!t.access_token) throw new Error(`no token: ${JSON.stringify(t)}`);
  return t.access_token;
}
