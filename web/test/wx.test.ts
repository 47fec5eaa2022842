import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Outcome } from '../core/errors';
import { ApiError, type Session } from '../sdk/api';
import { baseOf, install } from '../sdk/sdk';
import { makeWx, type ConfigOptions, type Ground, type Wx } from '../sdk/wx';

const ALL = ['checkIsSupportFacialRecognition', 'startFacialRecognitionVerify', 'requestFacialVerify'];
const OPTIONS: ConfigOptions = { debug: false, appId: 'wx0123456789abcdef', timestamp: 1, nonceStr: 'n', signature: 's', jsApiList: ALL, beta: true };
const SESSION: Session = {
  session_id: 'a', capture_token: 'b', expires_in: 180, app: { name: 'A' }, masked_name: '*', notice_hash: 'c',
  notice: { handler: '', contact: '', purpose: '', necessity: '', retention_days: 1, alternative: '', alternative_to: '' },
};

interface Call { url: string; body: Record<string, unknown>; token: string | undefined }

/** A server in memory: answers by path, or throws what it is given. */
function world(answers: Record<string, unknown> = {}, outcome: Outcome = { kind: 'pass', verifyResult: 'R' }, lacks: string | null = null): { wx: Wx; calls: Call[] } {
  const calls: Call[] = [];
  const all: Record<string, unknown> = {
    '/v1/sdk/config': { page_token: 'T', expires_in: 7200, app: { name: 'A' }, apis: Object.fromEntries(ALL.map((n) => [n, true])) },
    '/v1/sdk/support': { errCode: 0, errMsg: 'checkIsSupportFacialRecognition:ok', libVersionCode: 1 },
    '/v1/sdk/sessions': SESSION, ...answers,
  };
  const ground: Ground = {
    server: () => 'https://s', lang: () => 'zh', page: () => 'https://app/page?x=1', lacks: async () => lacks, log: () => undefined,
    run: async () => outcome,
    call: async <T>(url: string, body: unknown, token?: string): Promise<T> => {
      calls.push({ url, body: body as Record<string, unknown>, token });
      let a = all[url.slice('https://s'.length)];
      if (Array.isArray(a)) a = a.length > 1 ? a.shift() : a[0];
      if (a instanceof Error) throw a;
      return a as T;
    },
  };
  return { wx: makeWx(ground), calls };
}

/** Calls an interface and waits for complete: [which callback came, its argument]. */
function ask(f: (cb: object) => void): Promise<[string, Record<string, unknown>]> {
  return new Promise((resolve, reject) => {
    const seen: [string, Record<string, unknown>][] = [];
    const note = (name: string) => (res: Record<string, unknown>) => { seen.push([name, res]); };
    f({
      success: note('success'), fail: note('fail'),
      complete: (res: Record<string, unknown>) => {
        if (seen.length !== 1 || seen[0]![1] !== res) reject(new Error(`before complete came ${JSON.stringify(seen)}`));
        else resolve(seen[0]!);
      },
    });
  });
}

const start = (wx: Wx, more: object = {}): Promise<[string, Record<string, unknown>]> =>
  ask((cb) => wx.startFacialRecognitionVerify({ name: '测试人', idCardNumber: '990000199001010019', checkAliveType: 2, ...more, ...cb }));
const check = (wx: Wx): Promise<[string, Record<string, unknown>]> => ask((cb) => wx.checkIsSupportFacialRecognition({ checkAliveType: 2, ...cb }));

test('the documented sample runs from config to verifyResult', async () => {
  const { wx, calls } = world();
  const order: string[] = [];
  wx.ready(() => order.push('ready'));
  wx.error(() => order.push('error'));
  wx.config(OPTIONS);
  const res = await new Promise<Record<string, unknown>>((resolve, reject) => {
    wx.checkIsSupportFacialRecognition({
      checkAliveType: 2,
      success(res) {
        if (res.errCode === 0 || res.errMsg === 'checkIsSupportFacialRecognition:ok') {
          wx.startFacialRecognitionVerify({
            name: '测试人', idCardNumber: '990000199001010019', checkAliveType: 2,
            success(res) { resolve({ ...res }); }, fail: reject,
          });
        }
      },
      fail: reject,
    });
  });
  assert.deepEqual(res, { errMsg: 'startFacialRecognitionVerify:ok', errCode: 0, verifyResult: 'R' });
  assert.deepEqual(order, ['ready']);
  assert.deepEqual(calls.map((c) => c.url), ['https://s/v1/sdk/config', 'https://s/v1/sdk/support', 'https://s/v1/sdk/sessions']);
  assert.deepEqual(calls[0]!.body, { appId: OPTIONS.appId, timestamp: 1, nonceStr: 'n', signature: 's', url: 'https://app/page?x=1', jsApiList: ALL });
  assert.deepEqual(calls[1]!.body, { check_alive_type: 2 });
  assert.deepEqual(calls[2]!.body, { api: 'startFacialRecognitionVerify', name: '测试人', id_card_number: '990000199001010019', check_alive_type: 2 });
  assert.deepEqual(calls.map((c) => c.token), [undefined, 'T', 'T']);
});

test('support answers as the contract says', async () => {
  const ok = world();
  ok.wx.config(OPTIONS);
  assert.deepEqual(await check(ok.wx), ['success', { errMsg: 'checkIsSupportFacialRecognition:ok', errCode: 0, libVersionCode: 1 }]);
  const none = world({ '/v1/sdk/support': { errCode: 10002, errMsg: 'checkIsSupportFacialRecognition:fail No necessary model found', libVersionCode: 1 } });
  none.wx.config(OPTIONS);
  assert.deepEqual(await check(none.wx), ['fail', { errMsg: 'checkIsSupportFacialRecognition:fail No necessary model found', errCode: 10002, libVersionCode: 1 }]);
  const blind = world({}, undefined, 'No front camera');
  blind.wx.config(OPTIONS);
  assert.deepEqual(await check(blind.wx), ['fail', { errMsg: 'checkIsSupportFacialRecognition:fail No front camera', errCode: 10001 }]);
});

test('a missing permission is errno 102, access denied', async () => {
  const apis = { checkIsSupportFacialRecognition: true, startFacialRecognitionVerify: false };
  const local = world({ '/v1/sdk/config': { page_token: 'T', expires_in: 1, app: { name: '' }, apis } });
  local.wx.config(OPTIONS);
  assert.deepEqual(await start(local.wx), ['fail', { errMsg: 'startFacialRecognitionVerify:fail:access denied', errCode: 10006, verifyResult: '', errno: 102 }]);
  assert.equal(local.calls.length, 1); // nothing about the person has left the page
  const remote = world({ '/v1/sdk/support': new ApiError(403, 'checkIsSupportFacialRecognition:fail access denied', 10006, 102, '') });
  remote.wx.config(OPTIONS);
  assert.deepEqual(await check(remote.wx), ['fail', { errMsg: 'checkIsSupportFacialRecognition:fail:access denied', errCode: 10006, errno: 102 }]);
});

test('the names that pages inside WeChat list count too', async () => {
  const apis = { checkIsSupportFaceDetect: true, requestWxFacePictureVerify: true };
  const { wx } = world({ '/v1/sdk/config': { page_token: 'T', expires_in: 1, app: { name: '' }, apis } });
  wx.config(OPTIONS);
  assert.equal((await check(wx))[0], 'success');
  assert.equal((await start(wx))[0], 'success');
});

test('every outcome has its callback, errMsg and code', async () => {
  const table: [Outcome, string, object][] = [
    [{ kind: 'pass', verifyResult: 'R' }, 'success', { errMsg: 'startFacialRecognitionVerify:ok', errCode: 0, verifyResult: 'R' }],
    [{ kind: 'cancel' }, 'fail', { errMsg: 'startFacialRecognitionVerify:cancel', errCode: 90100, verifyResult: '' }],
    [{ kind: 'fail', errCode: 10004, verifyResult: 'R' }, 'fail', { errMsg: 'startFacialRecognitionVerify:fail face verification not passed', errCode: 10004, verifyResult: 'R' }],
    [{ kind: 'error', errCode: 90008, message: 'camera not authorized' }, 'fail', { errMsg: 'startFacialRecognitionVerify:fail camera not authorized', errCode: 90008, verifyResult: '' }],
    [{ kind: 'error', errCode: 90199, message: '' }, 'fail', { errMsg: 'startFacialRecognitionVerify:fail unknown error', errCode: 90199, verifyResult: '' }],
    [{ kind: 'error', errCode: -1, message: 'not returned' }, 'fail', { errMsg: 'startFacialRecognitionVerify:fail not returned', errCode: -1, verifyResult: '' }],
  ];
  for (const [outcome, name, res] of table) {
    const { wx } = world({}, outcome);
    wx.config(OPTIONS);
    assert.deepEqual(await start(wx), [name, res]);
  }
});

test('the 2.0 call carries no verifyResult', async () => {
  for (const [outcome, name, errMsg, errCode] of [
    [{ kind: 'pass', verifyResult: 'R' }, 'success', 'requestFacialVerify:ok', 0],
    [{ kind: 'cancel' }, 'fail', 'requestFacialVerify:cancel', 90100],
    [{ kind: 'fail', errCode: 10004, verifyResult: '' }, 'fail', 'requestFacialVerify:fail face verification not passed', 10004],
  ] as [Outcome, string, string, number][]) {
    const { wx, calls } = world({}, outcome);
    wx.config(OPTIONS);
    assert.deepEqual(await ask((cb) => wx.requestFacialVerify({ verifyId: 'V', ...cb })), [name, { errMsg, errCode }]);
    assert.deepEqual(calls[1]!.body, { api: 'requestFacialVerify', verify_id: 'V' });
  }
});

test('userIdKey goes alone', async () => {
  const { wx, calls } = world();
  wx.config(OPTIONS);
  await ask((cb) => wx.startFacialRecognitionVerify({ userIdKey: 'K', ...cb }));
  assert.deepEqual(calls[1]!.body, { api: 'startFacialRecognitionVerify', user_id_key: 'K' });
});

test('a bad parameter never leaves the page', async () => {
  const { wx, calls } = world();
  wx.config(OPTIONS);
  const says = async (f: (cb: object) => void): Promise<unknown> => { const [name, r] = await ask(f); return [name, r['errCode'], r['errMsg']]; };
  assert.deepEqual(await says((cb) => wx.startFacialRecognitionVerify({ ...cb })),
    ['fail', 10001, 'startFacialRecognitionVerify:fail parameter error: parameter.name should be String instead of Undefined;']);
  assert.deepEqual(await says((cb) => wx.startFacialRecognitionVerify({ name: '测试人', ...cb })),
    ['fail', 10001, 'startFacialRecognitionVerify:fail parameter error: parameter.idCardNumber should be String instead of Undefined;']);
  assert.deepEqual(await says((cb) => wx.requestFacialVerify({ verifyId: 5 as unknown as string, ...cb })),
    ['fail', 10001, 'requestFacialVerify:fail parameter error: parameter.verifyId should be String instead of Number;']);
  assert.equal(calls.length, 1);
});

test('a server refusal keeps its code and names its field', async () => {
  const { wx } = world({ '/v1/sdk/sessions': new ApiError(400, 'startFacialRecognitionVerify:fail idCardNumber has a wrong check character', 10001, undefined, 'idCardNumber') });
  wx.config(OPTIONS);
  assert.deepEqual(await start(wx), ['fail', { errMsg: 'startFacialRecognitionVerify:fail idCardNumber has a wrong check character', errCode: 10001, verifyResult: '' }]);
});

test('an old page token is renewed once', async () => {
  const old = new ApiError(401, 'expired', 10006, undefined, 'page_token');
  const { wx, calls } = world({ '/v1/sdk/sessions': [old, SESSION] });
  wx.config(OPTIONS);
  assert.equal((await start(wx))[0], 'success');
  assert.equal(calls.filter((c) => c.url.endsWith('/config')).length, 2);
  const dead = world({ '/v1/sdk/sessions': old });
  dead.wx.config(OPTIONS);
  assert.equal((await start(dead.wx))[1]['errCode'], 10006);
});

test('a refused config reaches wx.error and every call', async () => {
  const { wx } = world({ '/v1/sdk/config': new ApiError(401, 'config:fail invalid signature', 10006, undefined, 'signature') });
  const said = new Promise<unknown>((resolve) => wx.error(resolve));
  wx.ready(() => assert(false, 'ready after a refusal'));
  wx.config(OPTIONS);
  assert.deepEqual(await said, { errMsg: 'config:fail invalid signature' });
  const late = await new Promise<unknown>((resolve) => wx.error(resolve));
  assert.deepEqual(late, { errMsg: 'config:fail invalid signature' });
  assert.equal((await start(wx))[1]['errMsg'], 'startFacialRecognitionVerify:fail invalid signature');
});

test('without wx.config a call says so', async () => {
  const { wx } = world();
  assert.deepEqual((await check(wx))[1], { errMsg: 'checkIsSupportFacialRecognition:fail call wx.config first', errCode: 90104 });
});

test('one verification at a time', async () => {
  const { wx } = world();
  wx.config(OPTIONS);
  const [first, second] = await Promise.all([start(wx), start(wx)]);
  assert.deepEqual([first[0], second[0]], ['success', 'fail']);
  assert.match(String(second[1]['errMsg']), /already running/);
  assert.equal((await start(wx))[0], 'success');
});

test('calls without callbacks, and without any argument, are no error', async () => {
  const { wx } = world();
  wx.config(OPTIONS);
  wx.checkIsSupportFacialRecognition();
  wx.requestFacialVerify({ verifyId: 'V' });
  (wx.startFacialRecognitionVerify as (o?: unknown) => void)();
  await new Promise((r) => { setTimeout(r, 20); });
});

test('install keeps what an existing wx has', () => {
  const { wx } = world();
  const none: { wx?: object } = {};
  assert.deepEqual(Object.keys(install(none, wx)).sort(), Object.keys(wx).sort());
  const config = (): void => undefined;
  const there = { wx: { config, chooseImage: 1 } };
  const kept = there.wx;
  assert.equal(install(there, wx), kept);
  assert.deepEqual([there.wx.config, there.wx.chooseImage], [config, 1]);
  assert.equal((there.wx as unknown as Wx).requestFacialVerify, wx.requestFacialVerify);
  const frozen = { wx: Object.freeze({ config, scan: 2 }) };
  const now = install(frozen, wx) as Record<string, unknown>;
  assert.deepEqual([now['scan'], now['config'], typeof now['requestFacialVerify']], [2, config, 'function']);
});

test('the server is where the script came from', () => {
  const table: [string, string | null][] = [
    ['https://face.example:8443/sdk/faceproof.js', 'https://face.example:8443'],
    ['https://a.example/under/here/sdk/faceproof.mjs?v=2', 'https://a.example/under/here'],
    ['https://cdn.example/lib/faceproof.js', 'https://cdn.example/lib'],
    ['', null], ['blob:https://a/1', null],
  ];
  for (const [url, base] of table) assert.equal(baseOf(url), base, url);
});
