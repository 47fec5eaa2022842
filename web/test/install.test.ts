import assert from 'node:assert/strict';
import { test } from 'node:test';

import { install } from '../sdk/sdk';
import type { Wx } from '../sdk/wx';
import { OPTIONS, world } from './world';

const FACES = [
  'checkIsSupportFacialRecognition', 'startFacialRecognitionVerify', 'startFacialRecognitionVerifyAndUploadVideo',
  'requestFacialVerify', 'requestFacialVerifyAndUploadVideo',
] as const;
const config = (): void => undefined;

/** Every face interface of `got` is ours. */
function same(got: object, wx: Wx): void {
  for (const n of FACES) assert.equal((got as Wx)[n], wx[n], n);
}

test('where no wx is, all of ours is put there, and invoke comes with beta', () => {
  const { wx } = world();
  const page: { wx?: object } = {};
  const now = install(page, wx) as Wx;
  assert.equal(page.wx, now);
  assert.deepEqual(Object.keys(now).sort(), Object.keys(wx).sort());
  assert.equal(now.invoke, undefined);
  now.config({ ...OPTIONS, beta: true });
  assert.equal(typeof now.invoke, 'function');
});

test("WeChat's JS-SDK keeps its own members, and gets the face interfaces", () => {
  const { wx } = world();
  const invoke = (): void => undefined;
  const there = { config, invoke, chooseImage: 1, requestFacialVerify: config };
  const page = { wx: there };
  assert.equal(install(page, wx), there);
  assert.equal(page.wx, there);
  assert.deepEqual([there.config, there.invoke, there.chooseImage, 'ready' in there], [config, invoke, 1, false]);
  same(there, wx);
});

test('getters stay getters, and are not called', () => {
  const { wx } = world();
  let asked = 0;
  const there = { get env() { asked++; return asked; }, set env(_: number) { asked = 100; } };
  const now = install({ wx: there }, wx) as typeof there;
  assert.equal(now, there);
  assert.equal(asked, 0);
  assert.deepEqual([now.env, now.env], [1, 2]);
  assert.equal(typeof (now as unknown as Wx).config, 'function');
});

test('a wx with members that cannot be written keeps them', () => {
  const { wx } = world();
  const frozen = Object.freeze({ config, scan: 2, requestFacialVerify: 3, get version() { return 'v'; } });
  const page: { wx: object } = { wx: frozen };
  const now = install(page, wx) as Record<string, unknown>;
  assert.equal(page.wx, now);
  assert.deepEqual([now['scan'], now['config'], now['version'], frozen.requestFacialVerify], [2, config, 'v', 3]);
  same(now, wx);
  const fixed = Object.defineProperty({ config }, 'requestFacialVerify', { value: 4, writable: false, configurable: false });
  same(install({ wx: fixed }, wx), wx);
  assert.equal((fixed as unknown as Record<string, unknown>)['requestFacialVerify'], 4);
  const other = Object.defineProperty({ config }, 'scan', { value: 5, writable: false, configurable: false });
  assert.equal(install({ wx: other }, wx), other, 'a member that we do not touch is no hindrance');
});

test('a window whose wx cannot be set is no error: the answer has the interfaces', () => {
  const { wx } = world();
  const kept = Object.freeze({ config });
  for (const page of [Object.freeze({ wx: kept }), Object.defineProperty({} as { wx?: object }, 'wx', { get: () => kept })]) {
    same(install(page, wx), wx);
    assert.equal(page.wx, kept);
  }
  assert.equal(typeof install(Object.freeze({}), wx), 'object');
});

test('installing twice, and on a function, changes nothing else', () => {
  const { wx } = world();
  const page: { wx?: object } = {};
  const first = install(page, wx);
  assert.equal(install(page, wx), first);
  const f = Object.assign(() => 7, { config });
  assert.equal(install({ wx: f }, wx), f);
  assert.equal(f(), 7);
});
