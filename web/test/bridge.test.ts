import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Outcome } from '../core/errors';
import { ApiError } from '../sdk/api';
import type { BridgeAnswer } from '../sdk/bridge';
import type { Wx } from '../sdk/wx';
import { OPTIONS, world } from './world';

const H5 = ['checkIsSupportFaceDetect', 'requestWxFacePictureVerify', 'requestWxFacePictureVerifyUnionVideo'];
const configured = { page_token: 'T', expires_in: 7200, app: { name: 'A' }, apis: Object.fromEntries(H5.map((n) => [n, true])) };
const PERSON = JSON.stringify({ name: '测试人', id_card_number: '990000199001010019' });

/** An H5 page of 1.0 that has called wx.config. */
function h5(answers: Record<string, unknown> = {}, outcome?: Outcome, lacks: string | null = null): ReturnType<typeof world> {
  const w = world({ '/v1/sdk/config': configured, ...answers }, outcome, lacks);
  w.wx.config({ ...OPTIONS, jsApiList: H5, beta: true });
  return w;
}

const invoke = (wx: Wx, name: string, params?: object | null): Promise<BridgeAnswer> => new Promise((resolve) => wx.invoke!(name, params, resolve));

test('wx.invoke is there with beta: true only', () => {
  const { wx } = world();
  assert.equal(wx.invoke, undefined);
  wx.config({ ...OPTIONS, beta: false });
  assert.equal(wx.invoke, undefined);
  wx.config({ ...OPTIONS, beta: true });
  assert.equal(typeof wx.invoke, 'function', 'at once, before the server has answered');
});

test('a 1.0 page runs from checkIsSupportFaceDetect to verify_result', async () => {
  const { wx, calls } = h5();
  assert.deepEqual(await invoke(wx, 'checkIsSupportFaceDetect', { check_alive_type: '2' }), { err_code: 0, err_msg: 'checkIsSupportFaceDetect:ok', lib_version_code: 1 });
  assert.deepEqual(await invoke(wx, 'requestWxFacePictureVerify', { appid: 'wx', request_verify_pre_info: PERSON, check_alive_type: '1' }),
    { err_code: 0, err_msg: 'requestWxFacePictureVerify:ok', verify_result: 'R' });
  assert.deepEqual(calls.slice(1).map((c) => c.body), [
    { check_alive_type: 2 },
    { api: 'startFacialRecognitionVerify', name: '测试人', id_card_number: '990000199001010019', check_alive_type: 1 },
  ]);
});

test('the pre-info says which interface is meant', async () => {
  const table: [string, object, object][] = [
    ['requestWxFacePictureVerify', { user_id_key: 'K' }, { api: 'startFacialRecognitionVerify', user_id_key: 'K', check_alive_type: 2 }],
    ['requestWxFacePictureVerify', { verify_id: 'V', version: 1 }, { api: 'requestFacialVerify', verify_id: 'V' }],
    ['requestWxFacePictureVerifyUnionVideo', { user_id_key: 'K' }, { api: 'startFacialRecognitionVerifyAndUploadVideo', user_id_key: 'K', check_alive_type: 2 }],
    ['requestWxFacePictureVerifyUnionVideo', { verify_id: 'V' }, { api: 'requestFacialVerifyAndUploadVideo', verify_id: 'V' }],
  ];
  for (const [name, info, body] of table) {
    const { wx, calls } = h5();
    assert.equal((await invoke(wx, name, { request_verify_pre_info: JSON.stringify(info), check_alive_type: 2 })).err_msg, `${name}:ok`);
    assert.deepEqual(calls[1]!.body, body);
  }
});

test('every outcome in snake_case', async () => {
  const table: [Outcome, number, string, string][] = [
    [{ kind: 'cancel', stage: 90004 }, 90100, 'cancel', ''],
    [{ kind: 'fail', errCode: 10004, verifyResult: 'F' }, 10004, 'fail face verification not passed', 'F'],
    [{ kind: 'error', errCode: 90007, message: 'network error' }, 90007, 'fail network error', ''],
    [{ kind: 'error', errCode: -1, message: 'not returned' }, -1, 'fail not returned', ''],
  ];
  for (const [outcome, err_code, says, verify_result] of table) {
    const { wx } = h5({}, outcome);
    assert.deepEqual(await invoke(wx, 'requestWxFacePictureVerify', { request_verify_pre_info: PERSON }), { err_code, err_msg: `requestWxFacePictureVerify:${says}`, verify_result });
  }
  const second = h5({}, { kind: 'cancel', stage: 90005 });
  assert.equal((await invoke(second.wx, 'requestWxFacePictureVerify', { request_verify_pre_info: '{"verify_id":"V"}' })).err_code, 90005);
});

test('what is not supported is said in snake_case, with the lib version', async () => {
  assert.deepEqual(await invoke(h5({}, undefined, 'No front camera').wx, 'checkIsSupportFaceDetect'), { err_code: 10001, err_msg: 'checkIsSupportFaceDetect:fail No front camera', lib_version_code: 1 });
  for (const [code, text] of [[10002, 'No necessary model found'], [10003, 'Device is blacklisted']] as const) {
    const { wx } = h5({ '/v1/sdk/support': { errCode: code, errMsg: `checkIsSupportFacialRecognition:fail ${text}`, libVersionCode: 1 } });
    assert.deepEqual(await invoke(wx, 'checkIsSupportFaceDetect', null), { err_code: code, err_msg: `checkIsSupportFaceDetect:fail ${text}`, lib_version_code: 1 });
  }
});

test('bad parameters never leave the page', async () => {
  const { wx, calls } = h5();
  const bad: unknown[] = [
    undefined, { name: '测试人' }, '', '[]', 'null', '{', '{}', '{"name":"测试人"}', '{"name":5,"id_card_number":"1"}', '{"verify_id":{}}',
  ];
  for (const info of bad) {
    const a = await invoke(wx, 'requestWxFacePictureVerify', { request_verify_pre_info: info });
    assert.equal(a.err_code, 10001, JSON.stringify(info));
    assert.match(a.err_msg, /^requestWxFacePictureVerify:fail parameter error: request_verify_pre_info/);
  }
  for (const alive of ['3', 'x', -1, {}, [1], true]) {
    for (const [name, params] of [['checkIsSupportFaceDetect', {}], ['requestWxFacePictureVerify', { request_verify_pre_info: PERSON }]] as const) {
      assert.equal((await invoke(wx, name, { ...params, check_alive_type: alive })).err_msg, `${name}:fail parameter error: check_alive_type should be 0, 1 or 2`);
    }
  }
  assert.equal(calls.length, 1);
});

test('a refused wx.config, as WeChat words it', async () => {
  const { wx } = h5({ '/v1/sdk/config': new ApiError(401, 'config:fail invalid signature', 10006, undefined, 'signature') });
  for (const name of H5) {
    const a = await invoke(wx, name, { request_verify_pre_info: PERSON });
    assert.deepEqual([a.err_code, a.err_msg], [10006, `${name}:fail_the permission value is offline verifying`]);
  }
  const down = h5({ '/v1/sdk/config': new ApiError(0, 'network error', 90007, undefined, '') });
  assert.equal((await invoke(down.wx, 'checkIsSupportFaceDetect')).err_msg, 'checkIsSupportFaceDetect:fail network error');
});

test('a name that is not listed, or not there', async () => {
  const none = h5({ '/v1/sdk/config': { ...configured, apis: {} } });
  const a = await invoke(none.wx, 'requestWxFacePictureVerify', { request_verify_pre_info: PERSON });
  assert.deepEqual([a.err_code, a.err_msg], [10006, 'requestWxFacePictureVerify:fail:access denied']);
  assert.equal(none.calls.length, 1);
  for (const name of ['sendAppMessage', 'constructor', '__proto__']) {
    assert.deepEqual(await invoke(none.wx, name, {}), { err_code: 90199, err_msg: `${name}:fail function not exist` });
  }
});

test('a 2.0 page may list the name of the bridge alone', async () => {
  const { wx, calls } = world({ '/v1/sdk/config': { ...configured, apis: { requestWxFacePictureVerify: false } } });
  wx.config(OPTIONS);
  const said = await new Promise<{ errMsg: string }>((complete) => wx.requestFacialVerify({ verifyId: 'V', complete }));
  assert.equal(said.errMsg, 'requestFacialVerify:ok');
  assert.equal(calls[1]!.body['api'], 'requestFacialVerify');
});

test('calls without a callback are no error', async () => {
  const { wx } = h5();
  for (const name of [...H5, 'other']) wx.invoke!(name);
  await new Promise((r) => { setTimeout(r, 20); });
});
