// What a session uploads in a browser, by what the server asks the client for:
// the profiles of docs/evaluation.md over the same seeds. The page's `welcome` is
// rewritten on its way, so that one build serves all. Prints a line a session and
// a table, and writes out/bytes.json. SEED, RUNS, PROFILES (names).
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { launch } from './harness/browser.mjs';
import { cameraContext } from './harness/camera.mjs';
import { person } from './harness/identities.mjs';
import { register } from './harness/register.mjs';
import { startServer } from './harness/server.mjs';
import { verify } from './harness/session.mjs';
import { ROOT } from './camera/portraits.mjs';

const shape = (fps, width, quality) => ({ fps, width, height: width * 4 / 3, quality });
const whole = shape(4, 360, 80);
const PROFILES = {
  asked: {}, // what the server asks for
  large: { capture: shape(15, 360, 88), portrait: null }, // as it was before portraits
  w240: { capture: shape(15, 240, 85), portrait: whole },
  w192: { capture: shape(12, 192, 80), portrait: whole },
  w168: { capture: shape(12, 168, 80), portrait: whole },
  w156: { capture: shape(12, 156, 77), portrait: whole },
  w120: { capture: shape(12, 120, 80), portrait: whole },
};
const SEED = Number(process.env.SEED ?? 1), RUNS = Number(process.env.RUNS ?? 3);
const names = (process.env.PROFILES ?? Object.keys(PROFILES).join(',')).split(',');
const anna = person(0);
const results = [];
const server = await startServer({ args: ['--person-failures', '0'] });
const browser = await launch();
try {
  await register(server, browser, 'a', anna);
  for (let run = 0; run < RUNS; run++) {
    for (const profile of names) {
      const { context } = await cameraContext(browser, 'a', { seed: SEED * 1000 + run, ambientLux: 250, screen: 'phone', latencyMs: 100 });
      let previews = 0;
      await context.routeWebSocket(/\/v1\/capture$/, (page) => {
        const upstream = page.connectToServer();
        page.onMessage((m) => {
          if (typeof m !== 'string' && (m[3] & 1) === 1) previews += m.length;
          upstream.send(m);
        });
        upstream.onMessage((m) => {
          const message = typeof m === 'string' ? JSON.parse(m) : null;
          page.send(message?.type === 'welcome' ? JSON.stringify({ ...message, ...PROFILES[profile] }) : m);
        });
      });
      try {
        const s = await verify(server, context, anna, { retries: false, alive: 1 });
        const { evidence, decision } = await server.cli('verification', 'show', s.sockets.session);
        if (!decision) throw new Error(`no decision: ${s.screens} ${s.sockets.attempts.map((a) => a.hint)}`);
        const { capture, flash, match, face, provenance } = evidence;
        results.push({ profile, run, previews, bytes: capture.bytes, frames: capture.received, fps: capture.fps, l: flash.l, p: flash.p, similarity: match?.similarity, continuity: face.continuity, signals: provenance?.signals, outcome: decision.outcome });
      } catch (e) {
        results.push({ profile, run, error: e.message.split('\n')[0] });
      } finally {
        await context.close();
      }
      console.log(JSON.stringify(results.at(-1)));
    }
  }
} finally {
  await browser.close();
  await server.stop();
}
mkdirSync(path.join(ROOT, 'e2e/out'), { recursive: true });
writeFileSync(path.join(ROOT, 'e2e/out/bytes.json'), JSON.stringify(results, null, 1) + '\n');
