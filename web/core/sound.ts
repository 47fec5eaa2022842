// Sound on its way from the browser's rate to the protocol: pure arithmetic.
// sdk/microphone.ts feeds it.

import { SOUND_PIECE, SOUND_RATE } from './protocol';

/** Zero crossings of the filter to each side: what lies above 8 kHz falls by 70 dB and more, what lies below 6.8 kHz stays. */
const SIDE = 32;

/** Of the Kaiser window. */
const BETA = 7.5;

/** The middle of the filter's slope, Hz. */
const CUT = 7400;

/**
 * Brings mono sound of any rate to 16 kHz with a windowed sinc, piece by piece:
 * what comes out does not depend on how the sound was cut. Sample n of the
 * output is the sound at n/16000 s of the input; nothing is shifted.
 */
export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly half: number;
  private readonly taps: Float32Array[];
  private kept: Float32Array;
  /** index in the input of kept[0] */
  private at: number;
  private next = 0;

  /** from: samples a second, 4000 to 384000. */
  constructor(from: number) {
    if (!Number.isInteger(from) || from < 4000 || from > 384_000) throw new RangeError('sample rate');
    const g = gcd(from, SOUND_RATE);
    this.up = SOUND_RATE / g;
    this.down = from / g;
    const cut = Math.min(CUT, from * (CUT / SOUND_RATE)) / from; // cycles a sample of the input
    this.half = Math.ceil(SIDE / (2 * cut));
    this.taps = Array.from({ length: this.up }, (_, phase) => kernel(this.half, cut, phase / this.up));
    this.kept = new Float32Array(this.half); // silence before the first sample
    this.at = -this.half;
  }

  /** Takes the next samples and gives those of 16 kHz that are known by now. */
  push(input: Float32Array): Float32Array {
    const all = new Float32Array(this.kept.length + input.length);
    all.set(this.kept);
    all.set(input, this.kept.length);
    const end = this.at + all.length;
    const out: number[] = [];
    for (;; this.next++) {
      const place = this.next * this.down;
      const whole = Math.floor(place / this.up);
      if (whole + this.half >= end) break;
      const taps = this.taps[place % this.up]!;
      const first = whole - this.half + 1 - this.at;
      let sum = 0;
      for (let i = 0; i < taps.length; i++) sum += taps[i]! * all[first + i]!;
      out.push(sum);
    }
    const need = Math.max(this.at, Math.floor((this.next * this.down) / this.up) - this.half + 1);
    this.kept = all.slice(need - this.at);
    this.at = need;
    return Float32Array.from(out);
  }
}

/** The weights of the samples around a place that lies `share` after the middle one; their sum is 1. */
function kernel(half: number, cut: number, share: number): Float32Array {
  const w = new Float32Array(2 * half);
  let sum = 0;
  for (let i = 0; i < w.length; i++) {
    const x = i - half + 1 - share;
    const edge = 1 - (x / half) ** 2;
    w[i] = edge > 0 ? sinc(2 * cut * x) * bessel(BETA * Math.sqrt(edge)) : 0;
    sum += w[i]!;
  }
  return w.map((v) => v / sum);
}

function sinc(x: number): number { return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x); }

/** The modified Bessel function I₀. */
function bessel(x: number): number {
  let sum = 1;
  for (let k = 1, term = 1; term > sum * 1e-9; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

function gcd(a: number, b: number): number { return b === 0 ? a : gcd(b, a % b); }

/** Samples of −1 to 1 as 16-bit numbers. */
export function pcm16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (x) => Math.round(Math.max(-1, Math.min(1, x)) * 32767));
}

/** A clock that is this much behind, ms, has lost sound. */
const LOST_MS = 150;

/** How far back the clock looks for sound that came without delay, ms. */
const LOOK_MS = 1000;

/**
 * Tells when a sample was heard, on the page's clock. Samples come in order and
 * evenly, messages about them only late: by a busy page, never early. So the
 * least delay seen counts, and more of it means something only when it stays:
 * then the audio device has stopped for a while and sound is missing.
 */
export class SoundClock {
  private zero = NaN;
  private fixed = false;
  private seen: { at: number; zero: number }[] = [];

  constructor(private readonly rate: number) {}

  /** All samples before index `end` have come at `now` (ms). */
  heard(end: number, now: number): void {
    const zero = now - (end / this.rate) * 1000;
    this.seen = [...this.seen.filter((s) => s.at > now - LOOK_MS && s.at <= now), { at: now, zero }];
    const least = Math.min(...this.seen.map((s) => s.zero));
    const long = now - this.seen[0]!.at > LOOK_MS / 2;
    if (Number.isNaN(this.zero) || !this.fixed && least < this.zero || long && least > this.zero + LOST_MS) this.zero = least;
  }

  /** While sound is sent, its time never goes back: the server would not take it. */
  fix(on: boolean): void { this.fixed = on; }

  /** The time of a sample, ms. */
  time(index: number): number { return this.zero + (index / this.rate) * 1000; }
}

/** Samples in a message: 100 ms. */
const PIECE = SOUND_RATE / 10;

/** Cuts 16 kHz sound into messages. */
export class Pieces {
  private rest = new Int16Array(0);
  private begun = 0;

  /** Gives whole pieces: the index of their first sample, and the samples. */
  push(samples: Int16Array): { from: number; samples: Int16Array }[] {
    const all = new Int16Array(this.rest.length + samples.length);
    all.set(this.rest);
    all.set(samples, this.rest.length);
    const out: { from: number; samples: Int16Array }[] = [];
    let i = 0;
    for (; i + PIECE <= all.length; i += PIECE) out.push({ from: this.begun + i, samples: all.slice(i, i + PIECE) });
    this.rest = all.slice(i);
    this.begun += i;
    return out;
  }

  /** What is left over, if it is enough for a message. */
  end(): { from: number; samples: Int16Array } | null {
    const { rest, begun } = this;
    this.rest = new Int16Array(0);
    this.begun += rest.length;
    return rest.length >= SOUND_PIECE.min ? { from: begun, samples: rest } : null;
  }
}
