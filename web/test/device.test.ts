import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../sdk/api';
import { deviceOf } from '../sdk/device';
import { ask, OPTIONS, world } from './world';

const hints = (model: unknown): object => ({ userAgentData: { getHighEntropyValues: async (names: string[]) => names.includes('model') ? { model } : {} } });

test('a page asks WeChat about the device, else the browser', async () => {
  const wx = { getSystemInfo(o: { success: (r: object) => void }): void { assert.equal(this, wx); o.success({ platform: 'android', version: '8.0.49', model: 'M1 ', brand: 'x' }); } };
  assert.deepEqual(await deviceOf({ wx, navigator: hints('M2') }), { platform: 'android', version: '8.0.49', model: 'M1' });
  assert.deepEqual(await deviceOf({ wx: { getSystemInfo: (o: { fail: () => void }) => o.fail() }, navigator: hints('M2') }), { model: 'M2' });
  assert.deepEqual(await deviceOf({ wx: {}, navigator: hints('M2') }), { model: 'M2' });
});

test('what is not known is not said, and nothing that fails or hangs is waited for', async () => {
  const boom = (): never => { throw new Error('no'); };
  for (const page of [
    {}, { wx: null, navigator: null }, { navigator: hints('') }, { navigator: hints(7) }, { navigator: hints(undefined) },
    { navigator: { userAgentData: { getHighEntropyValues: boom } } }, { navigator: { userAgentData: { getHighEntropyValues: () => Promise.reject(new Error('denied')) } } },
    { navigator: { userAgentData: { getHighEntropyValues: () => new Promise(() => undefined) } } },
    { wx: { getSystemInfo: boom } }, { wx: { getSystemInfo: () => undefined } }, { wx: { getSystemInfo: (o: { success: (r: unknown) => void }) => o.success(null) } },
  ]) assert.equal(await deviceOf(page), null);
});

test('only what the server takes is sent', async () => {
  const wx = { getSystemInfo: (o: { success: (r: object) => void }) => o.success({ platform: 'devtools', version: 'eight', model: `a\u0000\n${'x'.repeat(100)}` }) };
  assert.deepEqual(await deviceOf({ wx }), { platform: 'devtools', model: `a${'x'.repeat(63)}` });
});

test('the device goes with the check and with the start', async () => {
  const { wx, calls } = world({}, undefined, null, { model: 'M1' });
  wx.config(OPTIONS);
  await ask((cb) => wx.checkIsSupportFacialRecognition({ ...cb }));
  await ask((cb) => wx.startFacialRecognitionVerify({ userIdKey: 'K', ...cb }));
  assert.deepEqual(calls.slice(1).map((c) => c.body), [{ device: { model: 'M1' } }, { api: 'startFacialRecognitionVerify', user_id_key: 'K', device: { model: 'M1' } }]);
});

test('a start on a blocked device is refused as the check would', async () => {
  for (const [code, text] of [[10003, 'Device is blacklisted'], [10002, 'No necessary model found']] as const) {
    const { wx } = world({ '/v1/sdk/sessions': new ApiError(403, `requestFacialVerify:fail ${text}`, code, undefined, 'device') });
    wx.config(OPTIONS);
    assert.deepEqual(await ask((cb) => wx.requestFacialVerify({ verifyId: 'V', ...cb })), ['fail', { errMsg: `requestFacialVerify:fail ${text}`, errCode: code }]);
  }
});

test('after wx.login a 2.0 start proves the browser, a 1.0 start does not', async () => {
  const { wx, calls } = world();
  wx.config(OPTIONS);
  await ask((cb) => wx.login(cb));
  await ask((cb) => wx.requestFacialVerify({ verifyId: 'V', ...cb }));
  await ask((cb) => wx.startFacialRecognitionVerify({ userIdKey: 'K', ...cb }));
  await new Promise((resolve) => wx.invoke!('requestWxFacePictureVerify', { request_verify_pre_info: JSON.stringify({ verify_id: 'V' }) }, resolve));
  assert.deepEqual(calls.slice(2).map((c) => c.body), [
    { api: 'requestFacialVerify', verify_id: 'V', visitor: 'W' }, { api: 'startFacialRecognitionVerify', user_id_key: 'K' },
    { api: 'requestFacialVerify', verify_id: 'V', visitor: 'W' }]);
});
