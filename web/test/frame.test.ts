import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CaptureClock, fit, Pace } from '../core/frame';

const ASK = { width: 360, height: 480 };

test('pictures are fitted without stretching or enlarging', () => {
  const cases: [number, number, number, number][] = [
    [480, 640, 360, 480], [640, 480, 480, 360], [1280, 720, 480, 360], [720, 1280, 360, 480],
    [504, 672, 360, 480], [320, 240, 320, 240], [480, 480, 360, 480],
  ];
  for (const [w, h, width, height] of cases) {
    const c = fit(w, h, ASK);
    assert.deepEqual([c.width, c.height], [width, height], `${w}×${h}`);
    assert(c.sx >= 0 && c.sy >= 0 && c.sx + c.sw <= w && c.sy + c.sh <= h, `${w}×${h}: the cut leaves the picture`);
    assert(Math.abs(c.sw / c.sh - c.width / c.height) < 0.01, `${w}×${h}: stretched`);
    assert(c.width <= c.sw, `${w}×${h}: enlarged`);
  }
});

test('the pace keeps the mean rate for every camera', () => {
  for (const camera of [15, 20, 24, 25, 30, 50, 60, 120]) {
    const p = new Pace();
    let taken = 0;
    for (let i = 0; i < camera * 10; i++) if (p.take((i * 1000) / camera + (i % 3), 15)) taken++;
    assert(taken >= 142 && taken <= 153, `${camera} fps camera: ${taken / 10} fps`);
  }
});

test('a slow camera is taken whole', () => {
  const p = new Pace();
  let taken = 0;
  for (let i = 0; i < 100; i++) if (p.take(i * 100, 15)) taken++;
  assert.equal(taken, 100);
});

test('a time that does not advance is refused', () => {
  const p = new Pace();
  assert(p.take(1000, 15));
  p.restart();
  assert(!p.take(1000, 15));
  assert(!p.take(900, 15));
  assert(p.take(1001, 15));
});

test('capture times are one clock from beginning to end', () => {
  const own = new CaptureClock();
  assert.equal(own.time(980, 1000), 980);
  assert.equal(own.time(undefined, 1040), 1040); // no other choice
  const none = new CaptureClock();
  assert.equal(none.time(undefined, 1000), 1000);
  assert.equal(none.time(1010, 1040), 1040); // not mixed in later
  const mad = new CaptureClock();
  assert.equal(mad.time(5, 100_000), 100_000); // another time origin
});
