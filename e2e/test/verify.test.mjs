// Whole verifications against the real server with the test camera.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { person } from '../harness/identities.mjs';
import { register } from '../harness/register.mjs';
import { accessToken, call, startServer } from '../harness/server.mjs';
import { openSample, outcome, agree, carryOn, redeem, verify, watchSockets } from '../harness/session.mjs';

const anna = person(0), berta = person(1);
let server, browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  await register(server, browser, 'a', anna);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Runs one session; another where a busy machine lost the frames of all three attempts (90011). */
async function session(who, camera, claims = anna, alive = 2) {
  const s = await once(who, camera, claims, alive);
  return s.info?.identify_ret === 90011 ? once(who, camera, claims, alive) : s;
}

async function once(who, camera, claims, alive) {
  const { context } = await cameraContext(browser, who, camera);
  try {
    const s = await verify(server, context, claims, { alive });
    assert.deepEqual(s.problems, [], 'no script errors');
    return s;
  } finally {
    await context.close();
  }
}

/** The stored evidence, for the message of a failing test. */
async function why(s) {
  const v = await server.cli('verification', 'show', s.sockets.session).catch((e) => ({ error: e.message }));
  return JSON.stringify({ screens: s.screens, back: { ...s.back.res, verifyResult: '…' }, info: s.info?.identify_ret, decision: v.decision, flash: v.evidence?.flash, capture: v.evidence?.capture, match: v.evidence?.match, error: v.error });
}

describe('a live person', () => {
  for (const camera of [
    { seed: 11, latencyMs: 50, ambientLux: 200, screen: 'phone' },
    { seed: 12, latencyMs: 200, ambientLux: 300, screen: 'laptop' },
  ]) {
    test(`passes at ${camera.latencyMs} ms on a ${camera.screen}`, async () => {
      const s = await session('a', camera);
      assert.equal(s.back.kind, 'success', await why(s));
      assert.equal(s.back.res.errMsg, 'startFacialRecognitionVerify:ok');
      assert.equal(s.back.res.errCode, 0);
      assert.match(s.back.res.verifyResult, /^[A-Za-z0-9_-]{40,256}$/);
      assert.equal(s.info.errcode, 0);
      assert.equal(s.info.identify_ret, 0);
      assert.match(s.info.id_card_number_md5, /^[0-9a-f]{32}$/);
      const again = await redeem(server, s.back.res.verifyResult);
      assert.equal(again.errcode, 84001, 'a credential redeems once');
    });
  }

  test('the credential is worth nothing to another app, and stays good for its own', async () => {
    const { context } = await cameraContext(browser, 'a', { seed: 13, ambientLux: 200 });
    try {
      const page = await openSample(server, context);
      await page.evaluate(([n, i]) => verify(n, i), [anna.name, anna.idCardNumber]);
      await agree(page);
      await carryOn(page);
      const { kind, res } = await outcome(page);
      assert.equal(kind, 'success', JSON.stringify(res));
      const other = await server.cli('app', 'create', '--name', 'Another shop', '--handler', 'Shop', '--contact', 'shop@shop.example',
        '--purpose', 'Age check', '--necessity', 'A face is compared once', '--alternative', 'Show a card', '--origin', 'https://shop.example');
      const token = await accessToken(server, { id: other.app_id, secret: other.app_secret });
      const foreign = await call(server, `/cityservice/face/identify/getinfo?access_token=${token}`, { verify_result: res.verifyResult });
      assert.equal(foreign.errcode, 84001, JSON.stringify(foreign));
      assert.equal((await redeem(server, res.verifyResult)).identify_ret, 0);
    } finally {
      await context.close();
    }
  });
});

// attacks.test.mjs has what needs hands or software.
describe('what must not pass', () => {
  const cases = [
    ['a picture that ignores the light', 'a', { seed: 21, mode: 'static', ambientLux: 200 }, anna, [10002, 10010], ['weak_light', 'not_fresh', 'fresh_unsure']],
    ['a recording made under another sequence', 'a', { seed: 22, mode: 'otherseq', ambientLux: 150 }, anna, [10002, 10010], ['not_fresh', 'fresh_unsure']],
    ['a tint over the whole frame', 'a', { seed: 23, mode: 'flat', ambientLux: 150 }, anna, [10002, 10010], ['background', 'flat']],
    ['another living person', 'b', { seed: 24, mode: 'live', ambientLux: 200 }, anna, [10004], ['face_mismatch']],
    ['somebody who is not registered', 'a', { seed: 25, mode: 'live', ambientLux: 200 }, berta, [10026], ['absent']],
  ];
  for (const [name, who, camera, claims, rets, reasons] of cases) {
    test(name, async () => {
      const s = await session(who, camera, claims, 1); // the colours: type 2 offers digits where a picture does not answer the light
      assert.equal(s.back.kind, 'fail', await why(s));
      assert.equal(s.back.res.errCode, 10004, 'the front end gets one code, whatever the cause');
      assert.match(s.back.res.errMsg, /^startFacialRecognitionVerify:fail /);
      assert.equal(s.info.errcode, 0);
      assert.ok(rets.includes(s.info.identify_ret), await why(s));
      const { decision } = await server.cli('verification', 'show', s.sockets.session);
      assert.ok(reasons.includes(decision.reasons[0]), await why(s));
    });
  }
});

describe('the 2.0 interface', () => {
  test('requestFacialVerify, then queryverifyinfo', async () => {
    const { context } = await cameraContext(browser, 'a', { seed: 31, ambientLux: 200 });
    try {
      const page = await openSample(server, context);
      watchSockets(page);
      const order = await call(server, '/demo/api/verifyid', anna);
      assert.ok(order.verifyId, JSON.stringify(order));
      const before = await call(server, '/demo/api/query', { verifyId: order.verifyId });
      assert.equal(before.verify_ret, 10300, 'not done yet');
      await page.evaluate((id) => request(id), order.verifyId);
      await agree(page);
      await carryOn(page);
      const { kind, res } = await outcome(page);
      assert.equal(kind, 'success', JSON.stringify(res));
      assert.equal(res.errMsg, 'requestFacialVerify:ok');
      const info = await call(server, '/demo/api/query', { verifyId: order.verifyId });
      assert.deepEqual([info.errcode, info.verify_ret], [0, 10000]);
    } finally {
      await context.close();
    }
  });
});
