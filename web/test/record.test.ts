import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { encodeSound } from '../core/protocol';
import { cell, nextOf, type Item } from '../record/plan';
import { Reading, type Ear } from '../record/reading';
import { base64, Ending, level, Tape, wav } from '../record/tape';
import { en, zh, type RecordKey } from '../record/text';

const dir = join(WEB_DIR, 'record');
const page = readFileSync(join(dir, 'index.html'), 'utf8');
const program = readFileSync(join(dir, 'record.ts'), 'utf8');
const keys = Object.keys(zh) as RecordKey[];

test('the recording page speaks both languages, with the same holes', () => {
  assert.deepEqual(Object.keys(en).sort(), [...keys].sort());
  const holes = (s: string): string => (s.match(/\{\w+\}/g) ?? []).sort().join();
  for (const k of keys) {
    assert(zh[k].trim() !== '' && en[k].trim() !== '', k);
    assert.equal(holes(en[k]), holes(zh[k]), k);
    if (k !== 'lang') assert.match(zh[k], /[\u4e00-\u9fff]/, k);
  }
});

test('the recording page uses only words there are, and has every control that its program looks for', () => {
  const used = [...page.matchAll(/data-i18n="([^"]+)"/g)].map((m) => m[1]!);
  assert(used.length > 50);
  for (const k of used) assert(k in zh, k);
  const wanted = [...program.matchAll(/\b(?:at|tell|ticked)(?:<\w+>)?\('([\w-]+)'/g), ...program.matchAll(/\['(rec-[\w-]+)',/g)].map((m) => m[1]!);
  assert(wanted.length > 40);
  for (const id of wanted) assert(page.includes(`data-testid="${id}"`), id);
  const screens = [...page.matchAll(/data-of="(\w+)"/g)].map((m) => m[1]!);
  for (const [, s] of program.matchAll(/\bgo\('(\w+)'\)/g)) assert(screens.includes(s!), s);
});

test('the recording page keeps to its policy, and ticks nothing beforehand', () => {
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i);
  const boxes = page.match(/<input type="checkbox"[^>]*>/g) ?? [];
  assert.equal(boxes.length, 3);
  for (const b of boxes) assert.doesNotMatch(b, /checked/);
  for (const s of page.match(/<select[^>]*data-fact[^]*?<\/option>/g) ?? []) assert.match(s, /<option value="" data-i18n="about.none">/, 'saying nothing comes first');
});

test('the answers are those that the server takes', () => {
  const go = readFileSync(join(WEB_DIR, '..', 'internal', 'voicebank', 'doc.go'), 'utf8');
  for (const fact of ['age', 'sex', 'region', 'device']) {
    const select = page.match(new RegExp(`<select[^>]*data-fact="${fact}">([^]*?)</select>`))![1]!;
    const offered = [...select.matchAll(/value="([^"]+)"/g)].map((m) => m[1]!);
    const taken = go.match(new RegExp(`\\{"${fact}", func[^]*?\\n?\\s*"([^"]+)"\\}`))![1]!.split(' ');
    assert.deepEqual(offered, taken, fact);
  }
});

test('a label is shown in digits, with the name to say where there are two', () => {
  assert.deepEqual([...'1y02'].map((c) => cell(c, 'zh')), [{ digit: '1', say: '一' }, { digit: '1', say: '幺' }, { digit: '0', say: '' }, { digit: '2', say: '' }]);
  assert.deepEqual([...'0o19'].map((c) => cell(c, 'en')), [{ digit: '0', say: 'zero' }, { digit: '0', say: 'oh' }, { digit: '1', say: '' }, { digit: '9', say: '' }]);
});

test('the next string is the first that is missing, from here on', () => {
  const plan = [1, 2, 3, 4].map((n) => ({ n }) as Item);
  const next = (done: number[], after: number): number | null => nextOf(plan, new Set(done), after)?.n ?? null;
  assert.deepEqual([next([], 0), next([1, 2], 0), next([1, 3], 3), next([1, 4], 4), next([1, 2, 3, 4], 2)], [1, 3, 4, 2, null]);
});

const piece = (t: number, samples: Int16Array): ArrayBuffer => encodeSound({ attempt: 1, seq: 0, t }, samples);

test('a tape gives back the samples of its messages, and the time of the first', () => {
  const tape = new Tape();
  assert(Number.isNaN(tape.from));
  const a = Int16Array.from({ length: 1600 }, (_, i) => i - 800), b = Int16Array.from({ length: 320 }, (_, i) => -i);
  tape.push(piece(1234.5, a));
  tape.push(piece(1334.5, b));
  assert.equal(tape.from, 1234.5);
  assert.deepEqual([...tape.samples()], [...a, ...b]);
});

test('a WAV file is as the server reads it', () => {
  const bytes = wav(Int16Array.from([0, 1, -2, 32767, -32768]));
  const d = new DataView(bytes.buffer);
  assert.equal(String.fromCharCode(...bytes.subarray(0, 4)), 'RIFF');
  assert.deepEqual([d.getUint32(4, true), d.getUint16(22, true), d.getUint32(24, true), d.getUint32(28, true), d.getUint16(34, true), d.getUint32(40, true)], [46, 1, 16000, 32000, 16, 10]);
  assert.deepEqual([44, 46, 48, 50, 52].map((i) => d.getInt16(i, true)), [0, 1, -2, 32767, -32768]);
  const long = Uint8Array.from({ length: 20_001 }, (_, i) => i * 7);
  assert.deepEqual([...atob(base64(long))].map((c) => c.charCodeAt(0)), [...long]);
});

test('levels are dB of full scale', () => {
  assert(Math.abs(level(Int16Array.from({ length: 1600 }, (_, i) => 32767 * Math.sin(i / 5))) + 3) < 0.2);
  assert.equal(level(new Int16Array(1600)), -90);
  assert.equal(level(new Int16Array(0)), -90);
});

test('a whole string ends after it was spoken, not before, and not in a pause', () => {
  const e = new Ending();
  for (let i = 0; i < 10; i++) assert.equal(e.hear(-60, false), false);
  for (let i = 0; i < 30; i++) assert.equal(e.hear(-60, true), false, 'nothing was said yet');
  for (let i = 0; i < 6; i++) e.hear(-20, true);
  for (let i = 0; i < 9; i++) assert.equal(e.hear(-60, true), false, 'a pause');
  for (let i = 0; i < 9; i++) e.hear(-22, true);
  const ends = Array.from({ length: 14 }, () => e.hear(-58, true));
  assert.equal(ends.indexOf(true), 10);
});

test('a string is shown when it is due and comes back with its sound; stopped, nothing does', async () => {
  const g = globalThis as unknown as { requestAnimationFrame: (f: () => void) => void };
  g.requestAnimationFrame = (f) => { setTimeout(f, 5); };
  const item: Item = { n: 7, label: '1y', paced: true, preroll_ms: 40, show_ms: [0, 60], end_ms: 120 };
  let r: Reading;
  let on = false, clock: ReturnType<typeof setInterval> | undefined;
  const ear: Ear = {
    record: () => { on = true; clock = setInterval(() => on && r.hear(piece(performance.now(), new Int16Array(320))), 20); },
    stop: () => { on = false; clearInterval(clock); return 0; },
  };
  const seen: (string | null)[] = [];
  const make = (): Reading => new Reading(item, ear, null, { show: (w) => seen.push(w), hears: () => undefined });
  r = make();
  const began = performance.now();
  const take = await r.run();
  assert(take);
  assert.deepEqual(seen.slice(0, 3), ['1', 'y', null]);
  assert.equal(take.n, 7);
  assert(take.shown.length === 2 && take.shown[0]! - began >= 40 && take.shown[1]! - began >= 100 && take.shown[1]! > take.shown[0]!);
  assert(take.samples.length >= 3 * 320 && take.t0 >= began && take.t0 < take.shown[0]!);
  r = make();
  setTimeout(() => r.stop(), 50);
  assert.equal(await r.run(), null);
  assert.equal(on, false, 'the microphone records no further');
  assert.equal(seen.at(-1), null);
});
