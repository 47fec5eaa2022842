import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, dark, edge, mix, picture, prepare, rest, start, step, type Light, type LightEvent } from '../core/flash';
import type { Challenge, Prepare, RGB } from '../core/protocol';

const GREY: RGB = [200, 200, 200];
const PAGE: RGB = [244, 246, 249];
const COLOURS: RGB[] = [[255, 104, 104], [0, 255, 0], [32, 32, 255], [0, 255, 255]];

function challenge(n = 10): Challenge {
  return {
    type: 'challenge', attempt: 1, nonce: '00', neutral: GREY, fade_ms: 300, preroll_ms: 1000,
    segment_ms: 400, wipe_ms: 200, postroll_ms: 300,
    segments: Array.from({ length: n }, (_, i) => ({ rgb: COLOURS[i % 4]!, forward: i % 2 === 0 })),
  };
}

/** Plays a whole light; gap gives the time between frame i and the next. */
function play(c: Challenge, gap: (i: number) => number): { events: LightEvent[]; end: number; lights: [Light, number][] } {
  let l = prepare(dark(PAGE), { type: 'prepare', attempt: 1, method: 'flash', reading: null, neutral: GREY, lead_ms: 0, fade_ms: 300, preroll_ms: 1000 });
  const events: LightEvent[] = [];
  const lights: [Light, number][] = [];
  let t = 5000;
  for (let i = 0; i < 5000; i++) {
    let found: LightEvent[];
    [l, found] = step(l, t);
    events.push(...found);
    lights.push([l, t]);
    if (l.phase === 'done') return { events, end: t, lights };
    if (t - 5000 > 1100 && !l.challenge) l = start(l, c);
    t += gap(i);
  }
  throw new Error('the light never ends');
}

test('every segment is shown once, in order, for its whole time', () => {
  const frames: Record<string, (i: number) => number> = {
    '60 Hz': () => 1000 / 60, '120 Hz': () => 1000 / 120, '30 Hz': () => 1000 / 30,
    uneven: (i) => 12 + ((i * 7) % 23), stalls: (i) => (i % 40 === 0 ? 180 : 16.7),
  };
  for (const [name, gap] of Object.entries(frames)) {
    for (const n of [1, 10, 12, 16, 32]) { // the server chooses
      const { events } = play(challenge(n), gap);
      assert.deepEqual(events.map((e) => e.event), ['preroll', ...Array<string>(n).fill('segment'), 'postroll'], name);
      assert.deepEqual(events.filter((e) => e.event === 'segment').map((e) => e.index), [...Array(n).keys()], name);
      for (let i = 2; i < events.length; i++) {
        const took = events[i]!.t - events[i - 1]!.t;
        assert(took >= 396, `${name}: a segment of ${took} ms`); // three changes a second need 1002
      }
    }
  }
});

test('at 60 Hz the colours take no more than 5 % longer than planned', () => {
  const { events } = play(challenge(), () => 1000 / 60);
  const took = events.at(-1)!.t - events[1]!.t;
  assert(took >= 3990 && took <= 4200, `${took} ms`);
});

test('the light waits in neutral until the colours come', () => {
  let l = prepare(dark(PAGE), { type: 'prepare', attempt: 1, method: 'flash', reading: null, neutral: GREY, lead_ms: 0, fade_ms: 300, preroll_ms: 1000 });
  for (let t = 0; t < 9000; t += 16) [l] = step(l, t);
  assert.equal(l.phase, 'neutral');
  assert.deepEqual(picture(l, 9000)?.below, GREY);
});

test('the fade goes from the page to neutral', () => {
  let l = prepare(dark(PAGE), { type: 'prepare', attempt: 1, method: 'flash', reading: null, neutral: GREY, lead_ms: 0, fade_ms: 300, preroll_ms: 1000 });
  [l] = step(l, 100);
  assert.deepEqual(picture(l, 100)?.below, PAGE);
  const middle = picture(l, 250)!.below;
  assert(middle[0] > GREY[0] && middle[0] < PAGE[0]);
  [l] = step(l, 400);
  assert.deepEqual(picture(l, 400)?.below, GREY);
});

test('a lead fades to black, stays, and gives way to the fade to neutral', () => {
  let l = prepare(dark(PAGE), { type: 'prepare', attempt: 1, method: 'flash', reading: null, neutral: GREY, lead_ms: 600, fade_ms: 300, preroll_ms: 1000 });
  const events: LightEvent[] = [];
  const seen: [number, number][] = [];
  for (let t = 0; t < 1500; t += 1000 / 60) {
    let found: LightEvent[];
    [l, found] = step(l, t);
    events.push(...found);
    seen.push([t, picture(l, t)!.below[0]]);
  }
  assert.deepEqual(events.map((e) => e.event), ['lead', 'preroll']);
  const neutral = events[1]!.t;
  assert(neutral >= 596 && neutral < 625, `${neutral} ms of lead`);
  for (const [i, [t, v]] of seen.entries()) {
    if (t < 300 && i > 0) assert(v < seen[i - 1]![1], `falls at ${t}`);
    if (t >= 300 && t < neutral) assert.equal(v, 0, `black at ${t}`);
    if (t > neutral && t < neutral + 290) assert(v > seen[i - 1]![1], `rises at ${t}`);
    if (t >= neutral + 300) assert.equal(v, GREY[0]);
  }
});

test('nothing is shown when off or done', () => {
  assert.equal(picture(dark(PAGE), 0), null);
  const { lights } = play(challenge(), () => 16.7);
  const [last, t] = lights.at(-1)!;
  assert.equal(picture(last, t), null);
});

test('a wipe runs from nothing to everything at an even pace', () => {
  const c = challenge();
  const { lights, events } = play(c, () => 4);
  const began = events.find((e) => e.event === 'segment' && e.index === 3)!.t;
  let before = -1;
  for (const [l, t] of lights.filter(([l]) => l.phase === 'segment' && l.index === 3)) {
    const p = picture(l, t)!;
    const share = Math.min(1, (t - began) / c.wipe_ms);
    if (share < 1) {
      assert.deepEqual([p.below, p.above], [COLOURS[2], COLOURS[3]]);
      assert.equal(p.forward, false);
      const covered = covers(p.edge!);
      assert(covered >= before, 'the edge goes back');
      assert(Math.abs(covered - share) <= 0.031, `covered ${covered} at ${share}`);
      before = covered;
    } else {
      assert.deepEqual([p.below, p.edge], [COLOURS[3], null]);
    }
  }
});

/** The share of the screen in the new colour: full before the edge, half within it. */
function covers([a, b]: readonly [number, number]): number {
  let sum = 0;
  for (let i = 0; i < 1000; i++) {
    const at = (i + 0.5) / 1000;
    sum += at <= a ? 1 : at >= b ? 0 : (b - at) / (b - a);
  }
  return sum / 1000;
}

test('the edge is outside the screen at both ends', () => {
  assert(edge(0)[1] <= 0);
  assert(edge(1)[0] >= 1);
});

test('the first wipe covers the neutral colour', () => {
  const { lights } = play(challenge(), () => 16.7);
  const [l, t] = lights.find(([x]) => x.phase === 'segment')!;
  assert.deepEqual(picture(l, t)?.below, GREY);
});

const READ: Prepare = { type: 'prepare', attempt: 1, method: 'digits', reading: { digits: 6, paced: true, light: true }, neutral: GREY, lead_ms: 0, fade_ms: 400, preroll_ms: 1000 };
const GENTLE: RGB[] = [[225, 190, 190], [190, 222, 190], [190, 190, 230]];

/** Plays prompts that come at these times (ms from the start of the fade), and the end of listening. */
function playDigits(come: number[], end: number, gap: (i: number) => number, rgb: (i: number) => RGB | null): { events: LightEvent[]; seen: [number, RGB | undefined, Light][] } {
  let l = prepare(dark(PAGE), READ);
  const events: LightEvent[] = [];
  const seen: [number, RGB | undefined, Light][] = [];
  let asked = 0;
  for (let t = 5000, i = 0; i < 5000; i++, t += gap(i)) {
    for (; asked < come.length && t >= 5000 + come[asked]!; asked++) l = ask(l, { type: 'prompt', attempt: 1, index: asked, digits: '7', rgb: rgb(asked) });
    if (t >= 5000 + end && !l.listened) l = rest(l, { type: 'listened', attempt: 1 });
    let found: LightEvent[];
    [l, found] = step(l, t);
    events.push(...found);
    seen.push([t - 5000, picture(l, t)?.below, l]);
    if (l.phase === 'done') return { events, seen };
  }
  throw new Error('the light never ends');
}

test('each digit comes with its colour, faded, in the frame that is reported', () => {
  const come = [1500, 2500, 3700];
  const { events, seen } = playDigits(come, 5000, () => 1000 / 60, (i) => GENTLE[i]!);
  assert.deepEqual(events.map((e) => [e.event, e.index]), [['preroll', 0], ['prompt', 0], ['prompt', 1], ['prompt', 2], ['postroll', 0]]);
  for (const [i, at] of come.entries()) assert(events[1 + i]!.t - 5000 - at < 17, `${i} at ${events[1 + i]!.t}`);
  for (const [t, c, l] of seen) {
    if (t > 410 && t < 1500) assert.deepEqual(c, GREY, `neutral at ${t}`);
    if (l.phase !== 'prompt') continue;
    const share = (t + 5000 - l.since) / 400;
    const before = l.index === 0 ? GREY : GENTLE[l.index - 1]!;
    assert.deepEqual(c, share >= 1 ? GENTLE[l.index] : mix(before, GENTLE[l.index]!, share), `${t}`);
  }
  const post = events[4]!.t - 5000;
  const after = seen.filter(([t, c]) => t > post && c?.join() === GREY.join());
  assert(after.at(-1)![0] - after[0]![0] > 280, 'neutral for 300 ms');
  assert.equal(seen.at(-1)![2].phase, 'done');
});

test('prompts that a stalled page gets at once are all drawn, apart as light must be', () => {
  const { events } = playDigits([1500, 1501, 1502, 1503], 1504, (i) => (i === 20 ? 900 : 1000 / 60), (i) => GENTLE[i % 3]!);
  assert.deepEqual(events.map((e) => e.index), [0, 0, 1, 2, 3, 0]);
  for (let i = 2; i < events.length; i++) assert(events[i]!.t - events[i - 1]!.t >= 330, `${events[i]!.t - events[i - 1]!.t} ms`); // under three a second
});

test('a fade that the next prompt cuts short goes on from where it is, and digits without colours leave the light alone', () => {
  const { seen } = playDigits([1500, 1850], 5000, () => 10, (i) => GENTLE[i]!);
  for (let i = 1; i < seen.length; i++) {
    const [a, b] = [seen[i - 1]![1], seen[i]![1]];
    if (a && b && seen[i]![0] > 20) for (const k of [0, 1, 2] as const) assert(Math.abs(a[k] - b[k]) <= 3, `${seen[i]![0]}: ${a} → ${b}`);
  }
  const plain = playDigits([1500, 2500], 4000, () => 10, () => null);
  for (const [t, c] of plain.seen) if (t > 410 && c) assert.deepEqual(c, GREY, String(t));
});

test('mixing is even in linear light', () => {
  assert.deepEqual(mix([0, 0, 0], [255, 255, 255], 0.5), [188, 188, 188]);
  assert.deepEqual(mix([10, 20, 30], [40, 50, 60], 0), [10, 20, 30]);
  assert.deepEqual(mix([10, 20, 30], [40, 50, 60], 2), [40, 50, 60]);
});
