// A busy server, and a link that one browser has opened.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, post } from '../sdk/api';
import { ask, OPTIONS, SESSION, world } from './world';

const busy = (): ApiError => new ApiError(503, 'startFacialRecognitionVerify:fail system busy', -1, undefined, 'busy', 0.02);

test('a busy server is asked twice more, after the time that it names', async () => {
  const { wx, calls } = world({ '/v1/sdk/sessions': [busy(), busy(), SESSION] });
  wx.config(OPTIONS);
  const from = performance.now();
  assert.equal((await ask((cb) => wx.startFacialRecognitionVerify({ userIdKey: 'K', ...cb })))[0], 'success');
  assert.equal(calls.filter((c) => c.url.endsWith('/sessions')).length, 3);
  assert.equal(performance.now() - from >= 38, true);
});

test('then the page is told', async () => {
  const { wx, calls } = world({ '/v1/sdk/sessions': busy() });
  wx.config(OPTIONS);
  const [how, res] = await ask((cb) => wx.startFacialRecognitionVerify({ userIdKey: 'K', ...cb }));
  assert.equal(how, 'fail');
  assert.equal(res['errCode'], -1);
  assert.equal(calls.filter((c) => c.url.endsWith('/sessions')).length, 3);
});

test('any other refusal is not repeated', async () => {
  const { wx, calls } = world({ '/v1/sdk/sessions': new ApiError(503, 'x:fail', 10045, undefined, '') });
  wx.config(OPTIONS);
  await ask((cb) => wx.startFacialRecognitionVerify({ userIdKey: 'K', ...cb }));
  assert.equal(calls.filter((c) => c.url.endsWith('/sessions')).length, 1);
});

test('the time comes from the answer, and is bounded', async () => {
  const real = globalThis.fetch;
  try {
    for (const [status, said, want] of [[503, 5, 5], [503, 1e9, 30], [503, -1, 0], [503, 'x', 0], [429, 5, 0]] as const) {
      globalThis.fetch = async () => new Response(JSON.stringify({ errMsg: 'x', errCode: -1, retry_after: said }), { status });
      const e: unknown = await post('https://s/x', {}).catch((why: unknown) => why);
      assert.equal(e instanceof ApiError ? e.retryAfter : -1, want);
    }
  } finally {
    globalThis.fetch = real;
  }
});

test('a verify_id goes with a secret of this browser, the same one each time', async () => {
  const { wx, calls } = world();
  wx.config(OPTIONS);
  await ask((cb) => wx.requestFacialVerify({ verifyId: 'V', ...cb }));
  await ask((cb) => wx.requestFacialVerify({ verifyId: 'W', ...cb }));
  const [a, b] = calls.slice(1).map((c) => c.browser);
  assert.match(String(a), /^[A-Za-z0-9_-]{43}$/);
  assert.equal(a, b);
  const other = world();
  other.wx.config(OPTIONS);
  await ask((cb) => other.wx.requestFacialVerify({ verifyId: 'V', ...cb }));
  assert.notEqual(other.calls[1]!.browser, a);
});
