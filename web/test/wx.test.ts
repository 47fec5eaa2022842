import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Outcome } from '../core/errors';
import { ApiError } from '../sdk/api';
import type { Job } from '../sdk/session';
import { baseOf } from '../sdk/sdk';
import type { Wx } from '../sdk/wx';
import { ALL, ask, OPTIONS, SESSION, world } from './world';

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
    [{ kind: 'cancel', stage: 90003 }, 'fail', { errMsg: 'startFacialRecognitionVerify:cancel', errCode: 90100, verifyResult: '' }],
    [{ kind: 'fail', errCode: 10004, verifyResult: 'R' }, 'fail', { errMsg: 'startFacialRecognitionVerify:fail face verification not passed', errCode: 10004, verifyResult: 'R' }],
    [{ kind: 'error', errCode: 90008, message: 'camera not authorized' }, 'fail', { errMsg: 'startFacialRecognitionVerify:fail camera not authorized', errCode: 90008, verifyResult: '' }],
    [{ kind: 'error', errCode: 90017, message: 'timeout' }, 'fail', { errMsg: 'startFacialRecognitionVerify:fail timeout', errCode: 90107, verifyResult: '' }],
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
    [{ kind: 'cancel', stage: 90004 }, 'fail', 'requestFacialVerify:cancel', 90004],
    [{ kind: 'error', errCode: 90107, message: 'timeout' }, 'fail', 'requestFacialVerify:fail timeout', 90017],
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

test('a refused config reaches wx.error, then ready as in the JS-SDK, then every call', async () => {
  const { wx } = world({ '/v1/sdk/config': new ApiError(401, 'config:fail invalid signature', 10006, undefined, 'signature') });
  const order: unknown[] = [];
  wx.error(() => order.push('an earlier handler'));
  wx.error((res) => order.push(res.errMsg)); // the last one counts
  const over = new Promise<void>((resolve) => wx.ready(() => { order.push('ready'); resolve(); }));
  wx.config(OPTIONS);
  await over;
  assert.deepEqual(order, ['config:fail invalid signature', 'ready']);
  const late: unknown[] = [];
  wx.error((res) => late.push(res.errMsg));
  wx.ready(() => late.push('ready'));
  assert.deepEqual(late, ['config:fail invalid signature', 'ready'], 'at once');
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

test('the forms with video go under their own names', async () => {
  const { wx, calls } = world();
  wx.config(OPTIONS);
  const one = await ask((cb) => wx.startFacialRecognitionVerifyAndUploadVideo({ name: '测试人', idCardNumber: '990000199001010019', ...cb }));
  assert.deepEqual(one, ['success', { errMsg: 'startFacialRecognitionVerifyAndUploadVideo:ok', errCode: 0, verifyResult: 'R' }]);
  const two = await ask((cb) => wx.requestFacialVerifyAndUploadVideo({ verifyId: 'V', ...cb }));
  assert.deepEqual(two, ['success', { errMsg: 'requestFacialVerifyAndUploadVideo:ok', errCode: 0 }]);
  assert.deepEqual(calls.slice(1).map((c) => c.body), [
    { api: 'startFacialRecognitionVerifyAndUploadVideo', name: '测试人', id_card_number: '990000199001010019' },
    { api: 'requestFacialVerifyAndUploadVideo', verify_id: 'V' },
  ]);
});

test('the plain permission does not open the form with video', async () => {
  const { wx, calls } = world({ '/v1/sdk/config': { page_token: 'T', expires_in: 1, app: { name: '' }, apis: { startFacialRecognitionVerify: true, requestFacialVerify: true } } });
  wx.config(OPTIONS);
  for (const f of [
    (cb: object) => wx.startFacialRecognitionVerifyAndUploadVideo({ userIdKey: 'K', ...cb }),
    (cb: object) => wx.requestFacialVerifyAndUploadVideo({ verifyId: 'V', ...cb }),
  ]) {
    const [how, res] = await ask(f);
    assert.deepEqual([how, res['errno'], /:fail:access denied$/.test(String(res['errMsg']))], ['fail', 102, true]);
  }
  assert.equal(calls.length, 1);
});

test('a cancel comes to the cancel callback where there is one', async () => {
  const { wx } = world({}, { kind: 'cancel', stage: 90004 });
  wx.config(OPTIONS);
  const heard: string[] = [];
  await new Promise<void>((resolve) => wx.requestFacialVerify({
    verifyId: 'V', success: () => heard.push('success'), fail: () => heard.push('fail'),
    cancel: (res) => heard.push(`cancel ${res.errMsg} ${res.errCode}`), complete: () => { heard.push('complete'); resolve(); },
  }));
  assert.deepEqual(heard, ['cancel requestFacialVerify:cancel 90004', 'complete']);
  assert.equal((await ask((cb) => wx.requestFacialVerify({ verifyId: 'V', ...cb })))[0], 'fail');
});

test('a device without a camera is "face detect not support"', async () => {
  const { wx, calls } = world({}, undefined, 'No front camera');
  wx.config(OPTIONS);
  assert.deepEqual(await start(wx), ['fail', { errMsg: 'startFacialRecognitionVerify:fail face detect not support: No front camera', errCode: 90001, verifyResult: '' }]);
  assert.equal(calls.filter((c) => c.url.endsWith('/sessions')).length, 0);
});

test('wx.login gives a code, and the browser stays the same one', async () => {
  const { wx, calls } = world();
  wx.config(OPTIONS);
  for (let i = 0; i < 2; i++) assert.deepEqual(await ask((cb) => wx.login(cb)), ['success', { errMsg: 'login:ok', code: 'J' }]);
  assert.deepEqual(calls.slice(1).map((c) => [c.url, c.body, c.token]), [['https://s/v1/sdk/code', { visitor: '' }, 'T'], ['https://s/v1/sdk/code', { visitor: 'W' }, 'T']]);
  const strange = world({ '/v1/sdk/code': [{ code: '1', visitor: 'old' }, new ApiError(400, 'login:fail visitor must be one that this server gave', 10001, undefined, 'visitor'), { code: '2', visitor: 'new' }] });
  strange.wx.config(OPTIONS);
  await ask((cb) => strange.wx.login(cb));
  assert.deepEqual(await ask((cb) => strange.wx.login(cb)), ['success', { errMsg: 'login:ok', code: '2' }]);
  assert.deepEqual(strange.calls.slice(1).map((c) => c.body['visitor']), ['', 'old', '']);
  assert.deepEqual(await ask((cb) => world().wx.login(cb)), ['fail', { errMsg: 'login:fail call wx.config first' }]);
});

test('checkJsApi knows the face interfaces under both kinds of name', async () => {
  const { wx } = world();
  const names = [...ALL, 'checkIsSupportFaceDetect', 'requestWxFacePictureVerify', 'requestWxFacePictureVerifyUnionVideo'];
  const [how, res] = await ask((cb) => wx.checkJsApi({ jsApiList: [...names, 'chooseImage', 'constructor'], ...cb }));
  assert.deepEqual([how, res], ['success', {
    errMsg: 'checkJsApi:ok', checkResult: { ...Object.fromEntries(names.map((n) => [n, true])), chooseImage: false, constructor: false },
  }]);
});

test('a 1.0 page may ask for digits, and its person may choose them', async () => {
  const { wx, calls } = world();
  wx.config(OPTIONS);
  assert.equal((await start(wx, { checkAliveType: 0 }))[0], 'success');
  assert.equal(calls[1]!.body['check_alive_type'], 0);
  await ask((cb) => wx.checkIsSupportFacialRecognition({ checkAliveType: 0, ...cb }));
  assert.equal(calls[2]!.body['check_alive_type'], 0);
  const jobs: Job[] = [];
  const choosing = world({}, undefined, null, null, (job) => jobs.push(job));
  choosing.wx.config(OPTIONS);
  await start(choosing.wx, { checkAliveType: 2 });
  await ask((cb) => choosing.wx.requestFacialVerify({ verifyId: 'V', ...cb }));
  await jobs[0]!.digits!();
  await jobs[0]!.renew();
  assert.deepEqual(choosing.calls.slice(1).map((c) => c.body['check_alive_type']), [2, undefined, 0, 2]);
  assert.equal(jobs[1]!.digits, undefined, '2.0 leaves no choice');
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
