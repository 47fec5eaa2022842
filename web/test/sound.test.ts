import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pieces, pcm16, Resampler, SoundClock } from '../core/sound';

/** A tone of a rate, as a microphone's parts of any length. */
function tone(rate: number, hz: number, ms: number): Float32Array {
  return Float32Array.from({ length: Math.round((rate * ms) / 1000) }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate));
}

function resample(rate: number, input: Float32Array, cut: () => number = () => 1024): Float32Array {
  const r = new Resampler(rate);
  const out: number[] = [];
  for (let i = 0; i < input.length;) {
    const n = Math.max(1, cut());
    out.push(...r.push(input.slice(i, i + n)));
    i += n;
  }
  return Float32Array.from(out);
}

/** Amplitude of the part that is left where a tone is taken out, and the tone's own; the ends are not counted. */
function fitTone(x: Float32Array, hz: number): { tone: number; rest: number } {
  const part = x.slice(400, x.length - 400);
  let s = 0, c = 0;
  const w = (i: number): number => (2 * Math.PI * hz * (i + 400)) / 16_000;
  // Whole periods: sine and cosine are then at right angles.
  const n = part.length - part.length % Math.max(1, Math.round(16_000 / gcd(16_000, hz)));
  for (let i = 0; i < n; i++) { s += part[i]! * Math.sin(w(i)); c += part[i]! * Math.cos(w(i)); }
  s *= 2 / n; c *= 2 / n;
  let rest = 0;
  for (let i = 0; i < n; i++) rest += (part[i]! - 0.5 * Math.sin(w(i))) ** 2;
  return { tone: Math.hypot(s, c), rest: Math.sqrt(rest / n) };
}

function gcd(a: number, b: number): number { return b === 0 ? a : gcd(b, a % b); }

const dB = (x: number): number => 20 * Math.log10(Math.max(x, 1e-9));

test('a tone of speech comes through as it is, and when it was', () => {
  for (const rate of [16_000, 22_050, 44_100, 48_000, 96_000]) {
    for (const hz of [100, 1000, 4000, 6500]) {
      const { tone: left, rest } = fitTone(resample(rate, tone(rate, hz, 300)), hz);
      assert(Math.abs(dB(left / 0.5)) < 0.05, `${rate}: ${hz} Hz is ${dB(left / 0.5)} dB`);
      assert(dB(rest / 0.5) < -50, `${rate}: ${hz} Hz with ${dB(rest / 0.5)} dB of something else`); // a shift of 10 µs at 1 kHz is −24 dB
    }
  }
});

test('a telephone\'s rate is brought up, without echoes above it', () => {
  const { tone: left, rest } = fitTone(resample(8000, tone(8000, 1000, 300)), 1000);
  assert(Math.abs(dB(left / 0.5)) < 0.05 && dB(rest / 0.5) < -50, `${dB(left / 0.5)} ${dB(rest / 0.5)}`);
});

test('what 16 kHz cannot hold is gone, not folded into the voice', () => {
  for (const rate of [44_100, 48_000, 96_000]) {
    for (const hz of [8500, 10_000, 15_500, 20_000]) {
      const out = resample(rate, tone(rate, hz, 200)).slice(400, -400);
      const rms = Math.sqrt(out.reduce((s, v) => s + v * v, 0) / out.length);
      assert(dB(rms / 0.354) < -65, `${rate}: ${hz} Hz left at ${dB(rms / 0.354)} dB`);
    }
  }
});

test('how the sound is cut makes no difference', () => {
  let seed = 5;
  const random = (): number => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed % 700; };
  const input = Float32Array.from({ length: 22_050 }, (_, i) => Math.sin(i * i * 1e-6));
  const whole = resample(44_100, input, () => input.length);
  assert.deepEqual(resample(44_100, input, random), whole);
  assert.deepEqual(resample(44_100, input, () => 1), whole);
  assert(Math.abs(whole.length - 8000) < 100, `${whole.length} samples`);
});

test('no sample is lost or made up over ten seconds', () => {
  const r = new Resampler(44_100);
  let n = 0;
  for (let i = 0; i < 10 * 44_100; i += 1024) n += r.push(new Float32Array(1024)).length;
  assert(Math.abs(n - 10 * 16_000) < 500, String(n));
});

test('a rate that no device has is refused', () => {
  for (const rate of [0, -1, NaN, 44_100.5, 3999, 1e9]) assert.throws(() => new Resampler(rate), RangeError, String(rate));
});

test('16-bit numbers are held to their range', () => {
  assert.deepEqual([...pcm16(new Float32Array([0, 1, -1, 2, -2, 0.5, 1e-6]))], [0, 32767, -32767, 32767, -32767, 16384, 0]);
});

test('pieces follow one another without a gap, and the last is long enough to be sent', () => {
  const p = new Pieces();
  const got: { from: number; samples: Int16Array }[] = [];
  let n = 0;
  for (const size of [100, 1500, 3300, 0, 1, 999]) got.push(...p.push(new Int16Array(size).map(() => n++)));
  got.push(p.end()!);
  assert.deepEqual(got.map((g) => g.samples.length), [1600, 1600, 1600, 1100]);
  assert.deepEqual(got.map((g) => g.from), [0, 1600, 3200, 4800]);
  for (const g of got) assert.equal(g.samples[0], g.from);
  const short = new Pieces();
  short.push(new Int16Array(319));
  assert.equal(short.end(), null);
});

/** A microphone of 48 kHz whose messages of 1024 samples come late by what `delay` says; the sound began at 5000. */
function clockOf(delay: (i: number) => number, n: number, lost: (i: number) => number = () => 0): SoundClock {
  const c = new SoundClock(48_000);
  for (let i = 1; i <= n; i++) c.heard(i * 1024, 5000 + (i * 1024) / 48 + lost(i) + delay(i));
  return c;
}

test('the time of a sample does not depend on how late its message came', () => {
  for (const [name, delay] of Object.entries({
    prompt: () => 2, jitter: (i: number) => 2 + (i * 7) % 40, stalls: (i: number) => 2 + (i % 30 === 0 ? 400 : 0),
    burst: (i: number) => 2 + (i > 60 && i < 90 ? (90 - i) * 1024 / 48 : 0),
  })) {
    const c = clockOf(delay, 120);
    assert(Math.abs(c.time(48_000) - 6002) < 3, `${name}: ${c.time(48_000)}`);
  }
});

test('sound that the device lost is seen, and once it is sent its time never goes back', () => {
  const c = clockOf(() => 2, 200, (i) => (i > 100 ? 500 : 0));
  assert(Math.abs(c.time(200 * 1024) - (5502 + (200 * 1024) / 48)) < 3, String(c.time(200 * 1024)));
  const late = clockOf(() => 90, 10);
  late.fix(true);
  for (let i = 11; i < 60; i++) late.heard(i * 1024, 5000 + (i * 1024) / 48);
  assert.equal(late.time(0), 5090);
  late.fix(false);
  late.heard(60 * 1024, 5000 + (60 * 1024) / 48);
  assert.equal(Math.round(late.time(0)), 5000);
});
