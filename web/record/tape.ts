// What a string sounded like, on its way to the server: pure arithmetic.

import { SOUND_RATE } from '../core/protocol';

/** Bytes before the samples of a message of sound; core/protocol.ts writes them. */
const HEADER = 16;

/** Collects the microphone's messages of one string. */
export class Tape {
  private parts: Int16Array[] = [];
  private first = NaN;

  /** Takes a message of encodeSound, and gives its level (dBFS). */
  push(message: ArrayBuffer): number {
    if (this.parts.length === 0) this.first = new DataView(message).getFloat64(8);
    const samples = new Int16Array(message, HEADER);
    this.parts.push(samples);
    return level(samples);
  }

  /** ms of the first sample; NaN: nothing came */
  get from(): number { return this.first; }

  /** All of it, one behind the other. */
  samples(): Int16Array {
    const all = new Int16Array(this.parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of this.parts) {
      all.set(p, at);
      at += p.length;
    }
    return all;
  }
}

/** The power of samples in dB of full scale, at least −90. */
export function level(samples: Int16Array): number {
  let sum = 0;
  for (const v of samples) sum += v * v;
  return Math.max(-90, 10 * Math.log10(sum / Math.max(1, samples.length) / 32768 ** 2 + 1e-12));
}

/** A WAV file: mono, 16 kHz, 16 bits. */
export function wav(samples: Int16Array): Uint8Array {
  const out = new Uint8Array(44 + 2 * samples.length);
  const d = new DataView(out.buffer);
  const text = (at: number, s: string): void => { for (let i = 0; i < s.length; i++) out[at + i] = s.charCodeAt(i); };
  text(0, 'RIFF');
  d.setUint32(4, 36 + 2 * samples.length, true);
  text(8, 'WAVEfmt ');
  d.setUint32(16, 16, true);
  d.setUint16(20, 1, true);
  d.setUint16(22, 1, true);
  d.setUint32(24, SOUND_RATE, true);
  d.setUint32(28, 2 * SOUND_RATE, true);
  d.setUint16(32, 2, true);
  d.setUint16(34, 16, true);
  text(36, 'data');
  d.setUint32(40, 2 * samples.length, true);
  samples.forEach((v, i) => d.setInt16(44 + 2 * i, v, true));
  return out;
}

/** Base64, in pieces that a call's arguments hold. */
export function base64(bytes: Uint8Array): string {
  let s = '';
  for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(s);
}

/** How long somebody must have spoken, and then been quiet, ms, before a whole string counts as read. */
const SPOKEN_MS = 900;
const QUIET_MS = 1100;

/** How much louder than the room speech is, dB. */
const ABOVE = 12;

/** Tells when a string that was shown whole has been read, from levels of 100 ms. */
export class Ending {
  private room = Infinity;
  private spoken = 0;
  private quiet = 0;

  /** Takes a level (dBFS); shown: the string can be seen. Has it been read? */
  hear(db: number, shown: boolean): boolean {
    if (!shown) {
      this.room = Math.min(this.room, db);
      return false;
    }
    if (db > Math.max(-55, (this.room === Infinity ? -60 : this.room) + ABOVE)) {
      this.spoken += 100;
      this.quiet = 0;
    } else this.quiet += 100;
    return this.spoken >= SPOKEN_MS && this.quiet >= QUIET_MS;
  }
}
