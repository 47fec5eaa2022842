import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { HINTS } from '../core/protocol';
import { en } from '../core/text/en';
import { halfOf, hintKey, languageOf, words } from '../core/text/text';
import { zh, type TextKey } from '../core/text/zh';

const keys = Object.keys(zh) as TextKey[];

test('both languages have the same wordings, none empty', () => {
  assert.deepEqual(Object.keys(en).sort(), [...keys].sort());
  for (const k of keys) {
    assert(zh[k].trim() !== '' && en[k].trim() !== '', k);
    assert.match(zh[k], /[\u4e00-\u9fff]/, `${k} is not Chinese`);
    assert.doesNotMatch(en[k], /[\u4e00-\u9fff]/, `${k} is not English`);
  }
});

test('both languages have the same placeholders', () => {
  const holes = (s: string): string => [...new Set(s.match(/\{\w+/g) ?? [])].sort().join();
  for (const k of keys) assert.equal(holes(en[k]), holes(zh[k]), k);
});

test('every hint of the server has words', () => {
  for (const h of HINTS) {
    const k = hintKey(h);
    assert(k !== null && zh[k] && en[k], h);
  }
  assert.equal(hintKey(''), null);
});

test('the hints are those of the Go side', () => {
  const go = readFileSync(join(WEB_DIR, '..', 'challenge.go'), 'utf8');
  const names = [...go.matchAll(/\bHint\w+\s+Hint = "(\w+)"/g)].map((m) => m[1]);
  assert(names.length > 5);
  assert.deepEqual([...HINTS], names);
});

test('a failure never says why and never accuses', () => {
  for (const k of keys.filter((k) => /^(result|trouble|hint)\./.test(k))) {
    assert.doesNotMatch(zh[k], /攻击|欺诈|伪造|未登记|未注册|姓名错误|分数|相似度/, k);
    assert.doesNotMatch(en[k], /attack|spoof|fraud|fake|not registered|not enrolled|wrong name|score|similarity/i, k);
  }
});

test('the photosensitivity warning names the limit and the other way', () => {
  assert.match(zh['warn.body'], /3 次.*其他方式/);
  assert.match(en['warn.body'], /3 flashes.*another method/);
});

test('values fill placeholders, and only their own', () => {
  assert.match(words('en')('result.retry', { n: 2 }), /2 left/);
  assert.equal(words('zh')('result.pass', { app: '{n}$&' }), '核验完成，请返回“{n}$&”。');
  assert.match(words('zh')('result.pass'), /\{app\}/);
  assert.match(words('en')('consent.retention', { days: 1 }), / 1 day$/);
  assert.match(words('en')('consent.retention', { days: 30 }), / 30 days$/);
});

test('Chinese comes first', () => {
  assert.deepEqual(['zh-CN', 'zh', 'ZH-hant', '', undefined, 'en-US', 'de'].map(languageOf), ['zh', 'zh', 'zh', 'zh', 'zh', 'en', 'en']);
});

test('an operator may write both languages', () => {
  assert.deepEqual([halfOf('柜台办理 · at the counter', 'zh'), halfOf('柜台办理 · at the counter', 'en')], ['柜台办理', 'at the counter']);
  assert.equal(halfOf('柜台（一楼）· the counter', 'zh'), '柜台（一楼）');
  for (const t of ['柜台办理', 'a · b · c', '古力娜扎·热合曼', '']) assert.equal(halfOf(t, 'en'), t);
});
