import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { checkCharacter, inventNumber } from '../demo/identity';
import { en, zh, type DemoKey } from '../demo/text';
import { verdict } from '../demo/verdict';

const page = readFileSync(join(WEB_DIR, 'demo', 'index.html'), 'utf8');
const program = readFileSync(join(WEB_DIR, 'demo', 'demo.ts'), 'utf8');

test('the demo speaks both languages, and the page uses only words there are', () => {
  const keys = Object.keys(zh);
  assert.deepEqual(Object.keys(en).sort(), [...keys].sort());
  for (const k of keys as DemoKey[]) {
    const holes = (s: string): string => (s.match(/\{\w+\}/g) ?? []).sort().join();
    assert.equal(holes(en[k]), holes(zh[k]), k);
  }
  const used = [...page.matchAll(/data-i18n="([^"]+)"/g)].map((m) => m[1]!);
  assert(used.length > 30);
  for (const k of used) assert(keys.includes(k), k);
});

test('the page has every control that the program looks for', () => {
  const wanted = [...program.matchAll(/\b(?:at|tell)(?:<\w+>)?\('([\w-]+)'/g)].map((m) => m[1]!);
  assert(wanted.length > 10);
  for (const id of wanted) assert(page.includes(`data-testid="${id}"`), id);
});

test('the page keeps to its policy: nothing inline', () => {
  for (const p of [page, readFileSync(join(WEB_DIR, 'demo', 'h5.html'), 'utf8')]) assert.doesNotMatch(p, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i);
});

test('invented numbers are right in form and nobody\'s', () => {
  assert.equal(checkCharacter('11010519491231002'), 'X'); // the example of GB 11643
  let seed = 1;
  const random = (): number => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed / 0x80000000; };
  const seen = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const n = inventNumber(random);
    assert.match(n, /^990000(19[6-9]\d)(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])\d{3}[\dX]$/);
    assert.equal(checkCharacter(n.slice(0, 17)), n[17]);
    seen.add(n);
  }
  assert(seen.size > 450);
});

test('a redeemed answer is read strictly', () => {
  const table: [unknown, boolean, string][] = [
    [{ errcode: 0, identify_ret: 0 }, true, 'v.pass'], [{ errcode: 0, verify_ret: 10000 }, true, 'v.pass'],
    [{ errcode: 0 }, false, 'v.other'], [{ errcode: 0, verify_ret: 0 }, false, 'v.other'], [{ errcode: 0, identify_ret: 10000 }, false, 'v.other'],
    [{ errcode: 0, identify_ret: '0' }, false, 'v.other'], [{ identify_ret: 0 }, false, 'v.other'], [null, false, 'v.other'],
    [{ errcode: 84001 }, false, 'v.used'], [{ errcode: 40001, identify_ret: 0 }, false, 'v.other'],
    [{ errcode: 0, identify_ret: 10004 }, false, 'v.10004'], [{ errcode: 0, verify_ret: 10300 }, false, 'v.10300'],
  ];
  for (const [answer, pass, key] of table) {
    const v = verdict(answer);
    assert.deepEqual([v.pass, v.key], [pass, key], JSON.stringify(answer));
    assert(v.key in zh);
  }
});
