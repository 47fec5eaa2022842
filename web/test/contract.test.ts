// Facts of WeChat's client interfaces that no other test is about, and what we
// do instead where we differ (docs/coverage-wechat.md).

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Code, type Outcome } from '../core/errors';
import { ApiError } from '../sdk/api';
import type { BridgeAnswer } from '../sdk/bridge';
import { install } from '../sdk/sdk';
import type { Wx } from '../sdk/wx';
import { ALL, OPTIONS, world } from './world';

const H5 = ['checkIsSupportFaceDetect', 'requestWxFacePictureVerify', 'requestWxFacePictureVerifyUnionVideo'];
const PERSON = JSON.stringify({ name: '测试人', id_card_number: '990000199001010019' });

/** The codes that docs/wechat.md, the one list of them, calls never given. */
function never(): Set<number> {
  const doc = readFileSync(join(WEB_DIR, '..', 'docs', 'wechat.md'), 'utf8');
  const row = /^\| codes of parts that are not here \|.*$/m.exec(doc)?.[0] ?? '';
  const codes = new Set<number>([10021, 10040]);
  for (const m of row.matchAll(/\b(\d{5})(?:–(\d{5}))?\b/g)) {
    for (let c = Number(m[1]); c <= Number(m[2] ?? m[1]); c++) codes.add(c);
  }
  assert(codes.size > 20, 'docs/wechat.md does not say which codes are never given');
  return codes;
}

/** A page of both generations that has called wx.config. */
function page(answers: Record<string, unknown> = {}, outcome?: Outcome, lacks: string | null = null): ReturnType<typeof world> {
  const apis = Object.fromEntries([...ALL, ...H5].map((n) => [n, true]));
  const w = world({ '/v1/sdk/config': { page_token: 'T', expires_in: 7200, app: { name: 'A' }, apis }, ...answers }, outcome, lacks);
  w.wx.config({ ...OPTIONS, jsApiList: [...ALL, ...H5], beta: true });
  return w;
}

type Told = [string, Record<string, unknown>];

/** Every call under every name, to be made one after another: [name, its answer]. */
function everyCall(wx: Wx): (() => Promise<Told>)[] {
  const person = { name: '测试人', idCardNumber: '990000199001010019', checkAliveType: 2 };
  const once = (name: string, f: (complete: (r: object) => void) => void) => (): Promise<Told> =>
    new Promise((resolve) => f((r) => resolve([name, r as Record<string, unknown>])));
  return [
    once('checkIsSupportFacialRecognition', (complete) => wx.checkIsSupportFacialRecognition({ complete })),
    once('startFacialRecognitionVerify', (complete) => wx.startFacialRecognitionVerify({ ...person, complete })),
    once('startFacialRecognitionVerifyAndUploadVideo', (complete) => wx.startFacialRecognitionVerifyAndUploadVideo({ ...person, complete })),
    once('requestFacialVerify', (complete) => wx.requestFacialVerify({ verifyId: 'V', complete })),
    once('requestFacialVerifyAndUploadVideo', (complete) => wx.requestFacialVerifyAndUploadVideo({ verifyId: 'V', complete })),
    ...H5.map((name) => once(name, (f) => wx.invoke!(name, { request_verify_pre_info: PERSON }, f))),
  ];
}

test('a code that is never given is in no source', () => {
  const no = never();
  for (const dir of ['core', 'sdk']) {
    for (const name of readdirSync(join(WEB_DIR, dir)).filter((n) => n.endsWith('.ts') && !n.endsWith('.d.ts'))) {
      const source = readFileSync(join(WEB_DIR, dir, name), 'utf8').replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
      for (const m of source.matchAll(/\b\d{5}\b/g)) assert(!no.has(Number(m[0])), `${dir}/${name} has ${m[0]}`);
    }
  }
  for (const [name, code] of Object.entries(Code)) assert(!no.has(code), name);
});

test('whatever happens, no call gives such a code, or a text of the clients that are not here', async () => {
  const no = never();
  const outcomes: Outcome[] = [
    { kind: 'pass', verifyResult: 'R' }, { kind: 'fail', errCode: 10004, verifyResult: 'R' }, { kind: 'cancel' },
    ...[90002, 90003, 90004, 90005, 90006].map((stage) => ({ kind: 'cancel', stage }) as Outcome),
    ...Object.values(Code).filter((c) => c !== 0).map((errCode) => ({ kind: 'error', errCode, message: 'said so' }) as Outcome),
  ];
  const refusals = [
    new ApiError(0, 'network error', 90007, undefined, ''), new ApiError(400, 'x:fail name must not be empty', 10001, undefined, 'name'),
    new ApiError(403, 'x:fail:access denied', 10006, 102, 'x'), new ApiError(404, 'x:fail verifyId is unknown', 10017, undefined, 'verifyId'),
    new ApiError(429, 'x:fail subject too many', 10052, undefined, 'subject'), new ApiError(500, 'x:fail system error', 10045, undefined, ''),
  ];
  const worlds = [
    ...outcomes.map((o) => page({}, o)), ...refusals.map((e) => page({ '/v1/sdk/sessions': e, '/v1/sdk/support': e })), page({}, undefined, 'No front camera'),
    ...[10002, 10003].map((errCode) => page({ '/v1/sdk/support': { errCode, errMsg: 'checkIsSupportFacialRecognition:fail x', libVersionCode: 1 } })),
  ];
  const seen = new Set<number>();
  for (const { wx } of worlds) {
    for (const call of everyCall(wx)) {
      const [name, r] = await call();
      const code = (r['errCode'] ?? r['err_code']) as number;
      const says = String(r['errMsg'] ?? r['err_msg']);
      seen.add(code);
      assert(Number.isInteger(code) && !no.has(code), `${name}: ${JSON.stringify(r)}`);
      assert.match(says, new RegExp(`^${name}:(ok|cancel|fail \\S.*|fail:access denied)$`));
      assert.equal(code === 0, says === `${name}:ok`);
      assert.doesNotMatch(says, /android context|:fail not support|jsapi has no permission|event=|Not support pad/);
    }
  }
  for (const c of [0, 10001, 10002, 10003, 10004, 10006, 10017, 10045, 10052, 90001, 90002, 90006, 90007, 90012, 90017, 90107, 90199, -1]) assert(seen.has(c), `${c} was not tried`);
});

test('calls give nothing back: there is no Promise, and no version to ask for', async () => {
  const { wx } = page();
  const calls = wx as unknown as Record<string, (...a: unknown[]) => unknown>;
  for (const n of ALL) assert.equal(calls[n]!({ verifyId: 'V', name: '测试人', idCardNumber: '990000199001010019' }), undefined, n);
  for (const n of H5) assert.equal(wx.invoke!(n, {}), undefined, n);
  assert.equal(wx.login(), undefined);
  for (const n of ['canIUse', 'getSystemInfoSync', 'version', 'SDKVersion', 'initFaceDetect', 'faceDetect', 'stopFaceDetect']) assert(!(n in wx), n);
  await new Promise((r) => { setTimeout(r, 20); });
});

test('what asks for versions, and face detection that is no verification, stays as it was', () => {
  const { wx } = world();
  let asked = 0;
  const f = (): void => { asked++; };
  const there = { canIUse: f, getSystemInfoSync: f, getAppBaseInfo: f, initFaceDetect: f, faceDetect: f, stopFaceDetect: f, createVKSession: f };
  const before = Object.getOwnPropertyDescriptors(there);
  const now = install({ wx: there }, wx) as typeof there & Wx;
  for (const [n, d] of Object.entries(before)) assert.deepEqual(Object.getOwnPropertyDescriptor(now, n), d, n);
  now.config(OPTIONS);
  now.checkIsSupportFacialRecognition();
  assert.equal(asked, 0);
});

test('what WeChat’s JS-SDK sends to the bridge for 2.0 is taken, of either version', async () => {
  for (const [name, api] of [['requestWxFacePictureVerify', 'requestFacialVerify'], ['requestWxFacePictureVerifyUnionVideo', 'requestFacialVerifyAndUploadVideo']] as const) {
    for (const version of [1, 2]) {
      const { wx, calls } = page();
      const a = await new Promise<BridgeAnswer>((resolve) => wx.invoke!(name, {
        appId: 'wx', request_verify_pre_info: JSON.stringify({ verify_id: 'V', version }),
        verifyAppId: 'wx', verifySignType: 'sha1', verifyTimestamp: '1', verifyNonceStr: 'n', verifySignature: 's',
      }, resolve));
      assert.deepEqual([a.err_code, a.err_msg], [0, `${name}:ok`]);
      assert.deepEqual(calls[1]!.body, { api, verify_id: 'V' });
    }
  }
});

test('the pre-info is text: an object with all that is needed is none', async () => {
  for (const info of [JSON.parse(PERSON), { user_id_key: 'K' }, { verify_id: 'V', version: 1 }] as object[]) {
    const { wx, calls } = page();
    const a = await new Promise<BridgeAnswer>((resolve) => wx.invoke!('requestWxFacePictureVerify', { request_verify_pre_info: info }, resolve));
    assert.deepEqual([a.err_code, a.err_msg], [10001, 'requestWxFacePictureVerify:fail parameter error: request_verify_pre_info should be a JSON string']);
    assert.equal(calls.length, 1);
  }
});

test('appId may stand in a call, and may be absent', async () => {
  for (const more of [{}, { appId: 'wx' }, { appid: 'wx' }]) {
    const second = page();
    await new Promise((complete) => second.wx.requestFacialVerify({ ...more, verifyId: 'V', complete }));
    assert.deepEqual(second.calls[1]!.body, { api: 'requestFacialVerify', verify_id: 'V' });
    const first = page();
    await new Promise<BridgeAnswer>((resolve) => first.wx.invoke!('requestWxFacePictureVerify', { ...more, request_verify_pre_info: PERSON, check_alive_type: '2' }, resolve));
    assert.deepEqual(first.calls[1]!.body, { api: 'startFacialRecognitionVerify', name: '测试人', id_card_number: '990000199001010019', check_alive_type: 2 });
  }
});

test('err_code of the bridge reads the same as a number and as text', async () => {
  for (const [outcome, code] of [[{ kind: 'pass', verifyResult: 'R' }, 0], [{ kind: 'cancel' }, 90100], [{ kind: 'fail', errCode: 10004, verifyResult: 'F' }, 10004]] as [Outcome, number][]) {
    const { wx } = page({}, outcome);
    const [name, r] = await everyCall(wx)[6]!();
    const c = r['err_code'] as number;
    assert.equal(name, 'requestWxFacePictureVerify');
    assert.deepEqual([c, c.toString(), Number(c), parseInt(String(c), 10)], [code, String(code), code, code]);
    assert.deepEqual([r['errCode'], r['verify_result']], [undefined, code === 0 ? 'R' : code === 10004 ? 'F' : '']);
  }
});

test('both signs of support hold at once', async () => {
  const [, ok] = await everyCall(page().wx)[0]!();
  assert.deepEqual([ok['errCode'] === 0, ok['errMsg'] === 'checkIsSupportFacialRecognition:ok'], [true, true]);
  const [, none] = await everyCall(page({}, undefined, 'No front camera').wx)[0]!();
  assert.deepEqual([none['errCode'] === 0, none['errMsg'] === 'checkIsSupportFacialRecognition:ok'], [false, false]);
});
