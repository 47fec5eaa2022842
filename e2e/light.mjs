// How good the forecast of checkAliveType 2 is: one attempt with the colours
// (checkAliveType 1) in rooms from 100 to 1500 lux, phone and laptop, and the
// amplitude predicted before against the one measured after. Prints the table's
// numbers for docs/evaluation.md and writes out/light.json. SEED, LUX (a list).
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { launch } from './harness/browser.mjs';
import { cameraContext } from './harness/camera.mjs';
import { person } from './harness/identities.mjs';
import { register } from './harness/register.mjs';
import { startServer } from './harness/server.mjs';
import { verify } from './harness/session.mjs';
import { ROOT } from './camera/portraits.mjs';

const LUX = (process.env.LUX ?? '100,200,300,400,500,600,750,900,1050,1200,1350,1500').split(',').map(Number);
const SEED = Number(process.env.SEED ?? 1), MIN_AMPLITUDE = 0.012; // Policy.MinAmplitude
const bound = (l) => l.amplitude + 2 * Math.hypot(l.error, 0.002); // PredictLight's
const anna = person(0);
const results = [];
const server = await startServer({ args: ['--person-failures', '0'] });
const browser = await launch();
try {
  await register(server, browser, 'a', anna);
  for (const [i, ambientLux] of LUX.entries()) {
    for (const screen of ['phone', 'laptop']) {
      const { context, parameters } = await cameraContext(browser, 'a', { seed: SEED * 1000 + 2 * i + (screen === 'phone' ? 0 : 1), ambientLux, screen, latencyMs: i % 2 ? 150 : 50 });
      try {
        const s = await verify(server, context, anna, { alive: 1, retries: false });
        const v = await server.cli('verification', 'show', s.sockets.session);
        const { light, flash } = v.evidence ?? {};
        results.push({ ambientLux, screen, nits: parameters.nits, latencyMs: parameters.latencyMs, outcome: v.decision?.outcome, kind: v.decision?.light, light, flash });
        console.log(`${String(ambientLux).padStart(4)} lx ${screen.padEnd(6)} predicted ${light?.amplitude.toFixed(4)} ± ${light?.error.toFixed(4)} (${light?.predicted}, ${light?.background_cells} cells, ${light?.latency_ms} ms) ` +
          `measured ${flash?.amplitude.toFixed(4)} (b ${flash?.background_ratio.toFixed(2)}, ${flash?.latency_ms.toFixed(0)} ms, ${flash?.measurable}) ${light?.fps.toFixed(1)} fps, face ${light?.brightness.toFixed(2)} clipped ${light?.clipped.toFixed(2)} ${v.decision?.outcome ?? ''} ${s.screens}`);
      } catch (e) {
        console.log(`${ambientLux} lx ${screen}: ${e.message}`);
      } finally {
        await context.close();
      }
    }
  }
} finally {
  await browser.close();
  await server.stop();
}

const both = results.filter((r) => r.light?.predicted && r.flash?.measurable);
const predicted = both.map((r) => r.light.amplitude), measured = both.map((r) => r.flash.amplitude);
const mean = (v) => v.reduce((a, x) => a + x, 0) / v.length;
const median = (v) => { const s = [...v].sort((a, b) => a - b); return (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2; };
const [mp, mm] = [mean(predicted), mean(measured)];
const cov = (a, ma, b, mb) => mean(a.map((x, i) => (x - ma) * (b[i] - mb)));
const summary = {
  n: both.length, sessions: results.length,
  correlation: cov(predicted, mp, measured, mm) / Math.sqrt(cov(predicted, mp, predicted, mp) * cov(measured, mm, measured, mm)),
  medianRatio: median(both.map((r) => r.light.amplitude / r.flash.amplitude)),
  within2: both.filter((r) => Math.abs(r.light.amplitude - r.flash.amplitude) <= 2 * Math.hypot(r.light.error, 0.002)).length,
  weakButWouldDo: both.filter((r) => bound(r.light) < MIN_AMPLITUDE && r.flash.amplitude >= MIN_AMPLITUDE).length,
  triedInVain: both.filter((r) => bound(r.light) >= MIN_AMPLITUDE && r.flash.amplitude < MIN_AMPLITUDE).length,
};
mkdirSync(path.join(ROOT, 'e2e/out'), { recursive: true });
writeFileSync(path.join(ROOT, 'e2e/out/light.json'), JSON.stringify({ summary, results }, null, 1));
console.log(summary);
