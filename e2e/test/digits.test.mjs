// Reading digits aloud, with a head whose mouth moves and a microphone that
// hears a synthesiser: whole sessions against the real server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { person } from '../harness/identities.mjs';
import { register } from '../harness/register.mjs';
import { startServer } from '../harness/server.mjs';
import { verify } from '../harness/session.mjs';

const anna = person(0);
const room = { mode: 'reading', ambientLux: 250, screen: 'phone' };
let server, browser;

before(async () => {
  // All attacks are on one person: their budget of failures is not what is tested.
  [server, browser] = await Promise.all([startServer({ args: ['--digits', '--person-failures', '0'] }), launch()]);
  await register(server, browser, 'a', anna);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A whole 1.0 session, and what the operator sees of it; another where a busy machine lost frames or sound. */
async function session(camera, options = {}) {
  const s = await once(camera, options);
  const busy = s.sockets.attempts.some((a) => a.hint === 'slow_network') || s.v.decision?.reasons?.[0] === 'too_few_frames';
  return busy ? once(camera, options) : s;
}

async function once(camera, { alive = 0, retries = true } = {}) {
  const { context } = await cameraContext(browser, 'a', { ...room, ...camera });
  try {
    const s = await verify(server, context, anna, { alive, retries });
    assert.deepEqual(s.problems, [], 'no script errors');
    const v = s.sockets.session ? await server.cli('verification', 'show', s.sockets.session) : {};
    const why = JSON.stringify({
      screens: s.screens, hints: s.hints, attempts: s.sockets.attempts, error: s.sockets.error, said: s.camera?.said, back: { ...s.back.res, verifyResult: '…' },
      info: s.info, decision: v.decision, digits: v.evidence?.digits, flash: v.evidence?.flash, pad: v.evidence?.pad, capture: v.evidence?.capture,
    });
    return { ...s, v, why };
  } finally {
    await context.close();
  }
}

const said = (s) => s.camera.said.map((w) => w.digit).join('');

/** Passed by reading, and the backend learns which digits. */
function passed(s, seconds) {
  assert.equal(s.back.kind, 'success', s.why);
  assert.equal(s.info.identify_ret, 0, s.why);
  assert.equal(s.info.check_alive_type, 0, s.why);
  const last = s.sockets.attempts.at(-1);
  assert.equal(s.info.validate_data, last.digits, s.why);
  assert.match(last.digits, /^[0-9]{6}$/);
  assert.equal(s.v.decision.method, 'digits');
  assert.ok(['low', 'standard'].includes(s.v.decision.level), s.why);
  assert.equal(s.sockets.early, undefined, 'no sound before it was asked for');
  assert.ok(last.heard > seconds * 16_000, s.why);
}

describe('a person who reads', () => {
  test('passes with checkAliveType 0, each digit shown when it is due', async () => {
    const s = await session({ seed: 61 });
    passed(s, 8);
    const { shown, digits } = s.sockets.attempts.at(-1);
    assert.equal(shown.length, 6);
    shown.forEach((t, i) => { if (i) assert.ok(t - shown[i - 1] > 800 && t - shown[i - 1] < 1900, s.why); });
    assert.ok(said(s).endsWith(digits), 'what was heard is what the page showed');
    const { lips, audio } = s.v.evidence.digits;
    assert.ok(lips.range > 0.06 && Math.abs(lips.lag_ms) <= 160, s.why);
    assert.ok(!audio.fault && audio.snr_db > 15, s.why);
    console.log(`lips: range ${lips.range.toFixed(3)}, s ${lips.sync.toFixed(2)} at ${lips.lag_ms} ms; score ${s.v.evidence.digits.score.toFixed(2)}; level ${s.v.decision.level}`);
  });
  test('passes on a laptop, another voice', async () => {
    passed(await session({ seed: 62, screen: 'laptop', reads: { voice: 'wang' } }), 8);
  });
  test('checkAliveType 2 in full sun: from the colours to the digits', async () => {
    const s = await session({ seed: 63, ambientLux: 20_000 }, { alive: 2 });
    assert.equal(s.screens[0], 'retry', s.why);
    const [first, ...rest] = s.sockets.attempts;
    assert.deepEqual([first.method, first.outcome, first.shown.length, first.heard], ['flash', 'retry', 0, undefined], s.why);
    assert.ok(rest.every((a) => a.method === 'digits'), s.why);
    passed(s, 8);
    // No light says how fresh it is: what raises the level, where the pack has the networks, are a live face's looks.
    const looks = s.v.evidence.pad;
    assert.ok(!s.v.evidence.flash.measurable || s.v.evidence.flash.amplitude < 0.012, s.why);
    assert.equal(s.v.decision.level, looks && !looks.low_confidence && looks.score >= 0.9 ? 'standard' : 'low', s.why);
  });
});

describe('an app in compatibility mode', () => {
  // One more session of ten seconds: with make e2e-all.
  test('shows four digits at once, and a pass is worth low', { skip: !process.env.E2E_ALL && 'with make e2e-all' }, async () => {
    const app = (await server.cli('app', 'list'))[0].app_id;
    await server.cli('app', 'set', app, '--digits', 'at-once');
    try {
      const s = await session({ seed: 64 });
      assert.equal(s.back.kind, 'success', s.why);
      const { shown, digits } = s.sockets.attempts.at(-1);
      assert.equal(shown.length, 1, 'one prompt');
      assert.match(digits, /^[0-9]{4}$/);
      assert.equal(s.info.validate_data, digits, s.why);
      assert.ok(said(s).endsWith(digits), s.why);
      assert.deepEqual([s.v.decision.method, s.v.decision.level, s.v.evidence.digits.light_on], ['digits', 'low', false], s.why);
    } finally {
      await server.cli('app', 'set', app, '--digits', 'paced');
    }
  });
});

/** What a front end sees of each of them. */
function refused(s, rets, reasons, hints) {
  assert.equal(s.back.kind, 'fail', s.why);
  assert.equal(s.back.res.errCode, 10004, s.why);
  assert.equal(s.screens.at(-1), 'fail', s.why);
  assert.doesNotMatch(JSON.stringify(s.back.res), /lips|misread|sound|digits/, 'the page does not learn why');
  assert.equal(s.info.errcode, 0);
  assert.ok(rets.includes(s.info.identify_ret), s.why);
  assert.equal(s.info.validate_data, '', s.why);
  assert.ok(reasons.includes(s.v.decision.reasons[0]), s.why);
  for (const a of s.sockets.attempts.slice(0, -1)) {
    assert.equal(a.outcome, 'retry', s.why);
    assert.ok(hints.includes(a.hint), s.why);
  }
}

describe('what must not pass', () => {
  const LIPS = [[10028], ['lips'], ['show_mouth']];
  // From the second attempt on a synthesiser's sounds, or the recording, may be known from before: that is found first.
  const WORDS = [[10027, 10002], ['misread', 'off_time', 'replayed'], ['read_clearly']];
  // Three attempts of ten seconds each: make test takes one of a kind, make e2e-all the others too.
  const LONG = { skip: !process.env.E2E_ALL && 'with make e2e-all' };
  for (const [name, camera, [rets, reasons, hints], options = {}] of [
    ['a still picture, and the right sound', { seed: 71, mode: 'static', reads: { mouth: 'still' } }, LIPS],
    ['a living face that is silent, and somebody else reads', { seed: 72, reads: { mouth: 'still' } }, LIPS, LONG],
    ['a mouth behind a hand', { seed: 73, reads: { mouth: 'covered' } }, LIPS, LONG],
    ['sound 0.7 s after the mouth', { seed: 74, reads: { soundLateMs: 700, reactionMs: [200, 300] } }, LIPS],
    ['sound 0.7 s before the mouth', { seed: 75, reads: { soundLateMs: -700 } }, LIPS, LONG],
    ['other digits', { seed: 76, reads: { says: 'others' } }, WORDS],
    ['sound and mouth of an earlier session', { seed: 77, reads: { says: 'earlier' } }, WORDS, LONG],
    ['a mouth that moves without a sound', { seed: 78, reads: { sound: 'muted' } }, [[10027], ['no_sound', 'noise'], ['read_clearly', 'louder']], LONG],
    ['a microphone that gives zeros', { seed: 79, reads: { sound: 'silent' } }, [[10027], ['no_sound'], ['louder', 'microphone']]],
  ]) {
    test(name, options, async () => {
      let s = await session(camera);
      // Of 60 drawn readings with the sound 0.7 s off, one correlates with the mouth by 0.30 or more all the same: once is chance.
      if (camera.reads.soundLateMs && s.back.kind === 'success') s = await session(camera);
      refused(s, rets, reasons, hints);
    });
  }

  test('without a microphone there is no such verification, and the page can say which permission is missing', async () => {
    for (const [sound, code] of [['refused', 90009], ['missing', 90001]]) {
      const s = await once({ seed: 80, reads: { sound } });
      assert.deepEqual(s.screens, ['microphone_error'], s.why);
      assert.deepEqual([s.back.kind, s.back.res.errCode], ['fail', code], s.why);
      assert.equal(s.sockets.attempts.length, 0, 'nothing was recorded');
    }
  });
});

// docs/security.md says so too: nothing here compares voices, by design, and
// lips only tell when something is said. It takes the right digits, in time.
test('another talker\'s voice in time with this mouth cannot be told, and passes', async () => {
  passed(await session({ seed: 81, reads: { voice: 'wang', mouthVoice: 'mei' } }), 8);
});
