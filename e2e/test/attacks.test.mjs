// What an attacker can hold before a camera, or feed in its place: refused, for
// the right reason, and the page does not learn which.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { person } from '../harness/identities.mjs';
import { register } from '../harness/register.mjs';
import { startServer } from '../harness/server.mjs';
import { verify } from '../harness/session.mjs';

const anna = person(0);
let server, browser;

before(async () => {
  // All attacks are on one person: their budget of failures is not what is tested.
  [server, browser] = await Promise.all([startServer({ args: ['--person-failures', '0'] }), launch()]);
  await register(server, browser, 'a', anna);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A whole 1.0 session, and what the operator sees of it; another where a busy machine lost the frames of all three attempts. */
async function session(camera) {
  const s = await once(camera);
  return s.v.decision.reasons[0] === 'too_few_frames' ? once(camera) : s;
}

async function once(camera) {
  const { context } = await cameraContext(browser, 'a', camera);
  try {
    const s = await verify(server, context, anna, { alive: 1 }); // every attempt shows its colours
    assert.deepEqual(s.problems, [], 'no script errors');
    const v = await server.cli('verification', 'show', s.sockets.session);
    const why = JSON.stringify({ screens: s.screens, hints: s.hints, attempts: s.sockets.attempts, info: s.info, decision: v.decision, flash: v.evidence?.flash });
    return { ...s, v, why };
  } finally {
    await context.close();
  }
}

/** What each of them must look like from the page and from the backend. */
function refused(s, ret, reasons) {
  assert.equal(s.back.kind, 'fail', s.why);
  assert.equal(s.back.res.errCode, 10004, s.why);
  assert.match(s.back.res.errMsg, /^startFacialRecognitionVerify:fail /);
  assert.equal(s.screens.at(-1), 'fail', s.why);
  assert.doesNotMatch(JSON.stringify(s.back.res), /background|flat|emissive|splice|fresh/, 'the page does not learn why');
  assert.equal(s.info.errcode, 0);
  assert.equal(s.info.identify_ret, ret, s.why);
  assert.ok(reasons.includes(s.v.decision.reasons[0]), s.why);
}

describe('one attempt is enough to refuse', () => {
  const room = { ambientLux: 150 };
  for (const [name, camera, reasons] of [
    ['a whole print', { seed: 57, mode: 'print' }, ['background', 'flat']],
    ['a whole print, bent', { seed: 53, mode: 'bent' }, ['flat', 'background']],
    ['a cut-out, bent, before the real room', { seed: 54, mode: 'bent_cut' }, ['flat']],
    ['a tint of the face by software', { seed: 56, mode: 'tint_face' }, ['flat']],
    // A dark screen with a poor glass: what a good one sends back is too weak to accuse.
    ['a video without flashes on another screen', { seed: 52, mode: 'screen', ambientLux: 100, emissionNits: 40, haze: 0.03, mirror: 0.015 }, ['emissive', 'background']],
  ]) {
    test(name, async () => {
      const s = await session({ ...room, ...camera });
      refused(s, 10002, reasons);
      assert.equal(s.v.decision.outcome, 'reject', s.why);
      // One attempt on a machine that has time; a busy one loses frames or shows them late, and then another is offered.
      const last = s.sockets.attempts.at(-1), earlier = s.sockets.attempts.slice(0, -1);
      assert.ok(earlier.every((a) => ['slow_network', 'hold_still'].includes(a.hint)), s.why);
      assert.deepEqual([last.outcome, last.hint ?? ''], ['fail', ''], s.why); // no advice for an attacker
    });
  }
});

// How well the clips answer depends on the challenge, which has no seed.
test('a naive splice: never fresh enough, and the hint is the one for a live person', async () => {
  const s = await session({ seed: 51, mode: 'splice', ambientLux: 150 });
  const last = s.sockets.attempts.at(-1);
  if (s.v.decision.outcome === 'reject') return refused(s, 10002, ['splice', 'not_fresh']);
  assert.deepEqual(s.screens, ['retry', 'retry', 'fail'], s.why);
  refused(s, s.v.decision.reasons[0] === 'too_few_frames' ? 90011 : 10010, ['fresh_unsure', 'shape_unsure', 'too_few_frames']);
  assert.equal(last.outcome, 'fail', s.why);
  const told = s.sockets.attempts.slice(0, -1).filter((a) => a.hint !== 'slow_network');
  assert.ok(told.length > 0 && told.every((a) => ['hold_still', 'closer', 'raise_brightness', 'too_bright'].includes(a.hint)), s.why);
  assert.ok(s.hints.some((h) => /请保持不动|请靠近一些|请把屏幕亮度调到最高/.test(h)), s.why);
});
