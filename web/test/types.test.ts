// The shipped declarations against the program: tsc refuses this file when the
// two part, in either direction.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import type * as shipped from '../sdk/faceproof';
import type { BridgeAnswer } from '../sdk/bridge';
import type { Faceproof, Settings } from '../sdk/sdk';
import type * as real from '../sdk/wx';
import { world } from './world';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

const same: [
  Same<shipped.ConfigOptions, real.ConfigOptions>, Same<shipped.SupportAnswer, real.SupportAnswer>,
  Same<keyof shipped.Wx, keyof real.Wx>, Same<keyof shipped.Faceproof, keyof Faceproof>, Same<keyof shipped.Settings, keyof Settings>,
  Same<keyof shipped.BridgeAnswer, keyof BridgeAnswer>,
  Same<keyof shipped.StartOptions, keyof real.StartOptions>, Same<keyof shipped.RequestOptions, keyof real.RequestOptions>,
] = [true, true, true, true, true, true, true, true];

test('the declarations fit the program', () => {
  const wx: shipped.Wx = world().wx;
  const back: real.Wx = wx;
  const fits = (f: Faceproof): shipped.Faceproof => f;
  assert.deepEqual([typeof back.config, typeof fits, same.every(Boolean)], ['function', 'function', true]);
});

test('the declarations stand alone and name every member', () => {
  const text = readFileSync(join(WEB_DIR, 'sdk', 'faceproof.d.ts'), 'utf8');
  assert.doesNotMatch(text, /^\s*import\b|\bfrom '/m);
  for (const name of Object.keys(world().wx)) assert.match(text, new RegExp(`\\b${name}\\b`), name);
});
