// Digits spoken by Debian's espeak-ng, made when a test first asks for them and
// kept only under e2e/out, which git ignores. A formant synthesiser is nobody's
// voice: sessions with it show that the way works, not how well people are heard.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../out/speech');

// Mandarin goes in as pinyin: espeak-ng's voice for Hanzi has no dictionary in
// Debian and reads them in English.
const WORDS = {
  zh: ['ling2', 'yi1', 'er4', 'san1', 'si4', 'wu3', 'liu4', 'qi1', 'ba1', 'jiu3'],
  en: ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
};
const LANGUAGE = { zh: 'cmn-latn-pinyin', en: 'en-us' };

/** Talkers: a variant of the synthesiser, its words a minute and its pitch (0 to 99). */
export const VOICES = {
  mei: { variant: 'f2', speed: 125, pitch: 55 },
  wang: { variant: 'm3', speed: 120, pitch: 45 },
  lan: { variant: 'f5', speed: 135, pitch: 48 },
  bo: { variant: 'm7', speed: 130, pitch: 40 },
};

/** The ten digits by a talker: {lang, voice, rate, clips: [{samples: Int16Array, opening: Float32Array, openingFromMs}]}. */
export async function speech(voice, lang = 'zh') {
  const v = VOICES[voice], words = WORDS[lang];
  if (!v || !words) throw new Error(`no voice ${voice} in ${lang}; there are ${Object.keys(VOICES)} in ${Object.keys(WORDS)}`);
  const tag = createHash('sha256').update(JSON.stringify([v, words, LANGUAGE])).digest('hex').slice(0, 12);
  const dir = path.join(OUT, `${lang}-${voice}-${tag}`);
  mkdirSync(dir, { recursive: true });
  const said = [];
  for (let d = 0; d < 10; d++) said.push(parseWAV(readFileSync(await say(path.join(dir, `${d}.wav`), words[d], LANGUAGE[lang], v))));
  return { lang, voice, rate: said[0].rate, clips: mouths(said.map((s) => level(trim(s.samples))), said[0].rate) };
}

async function say(file, word, language, { variant, speed, pitch }) {
  if (existsSync(file)) return file;
  const part = `${file}.${process.pid}`;
  try {
    await run('espeak-ng', ['-v', `${language}+${variant}`, '-s', speed, '-p', pitch, '-w', part, word].map(String));
  } catch (e) {
    throw new Error(e.code === 'ENOENT' ? 'no espeak-ng: run build/setup.sh speech' : `espeak-ng: ${e.message}`);
  }
  renameSync(part, file);
  return file;
}

/** Mono PCM16 as espeak-ng writes it: {rate, samples}. */
export function parseWAV(data) {
  if (data.toString('latin1', 0, 4) !== 'RIFF' || data.toString('latin1', 8, 12) !== 'WAVE') throw new Error('speech: no WAV');
  let rate = 0;
  for (let i = 12; i + 8 <= data.length;) {
    const name = data.toString('latin1', i, i + 4), size = data.readUInt32LE(i + 4), body = i + 8;
    if (name === 'fmt ') {
      if (data.readUInt16LE(body) !== 1 || data.readUInt16LE(body + 2) !== 1 || data.readUInt16LE(body + 14) !== 16) throw new Error('speech: not mono PCM16');
      rate = data.readUInt32LE(body + 4);
    }
    if (name === 'data') {
      const n = Math.min(size, data.length - body) >> 1;
      return { rate, samples: Int16Array.from({ length: n }, (_, k) => data.readInt16LE(body + 2 * k)) };
    }
    i = body + size + (size & 1);
  }
  throw new Error('speech: no sound in the WAV');
}

/** Without the silence that a synthesiser puts around a word. */
function trim(samples) {
  const top = peak(samples) / 100; // −40 dB
  let a = samples.findIndex((v) => Math.abs(v) > top), b = samples.length;
  while (b > a && Math.abs(samples[b - 1]) <= top) b--;
  return samples.slice(Math.max(0, a - 200), Math.min(samples.length, b + 400));
}

const peak = (s) => s.reduce((m, v) => Math.max(m, Math.abs(v)), 1);

function level(samples) {
  const k = (0.5 * 32767) / peak(samples);
  return samples.map((v) => Math.round(v * k));
}

/** Milliseconds between two openings of a clip. */
export const OPENING_MS = 10;

/**
 * How far each clip opens the mouth, 0 to 1: 4.5 nepers of power up to the 97th
 * percentile of the talker's, less where the sound is a hiss between the teeth.
 */
function mouths(clips, rate) {
  const hop = Math.round((rate * OPENING_MS) / 1000), win = Math.round(rate * 0.025);
  const tracks = clips.map((s) => {
    const out = [];
    for (let at = -win; at < s.length + win; at += hop) {
      let power = 0, slope = 0;
      for (let i = Math.max(1, at); i < Math.min(s.length, at + win); i++) {
        power += s[i] ** 2;
        slope += (s[i] - s[i - 1]) ** 2; // twice the power at a sixth of the rate, four times at the half
      }
      out.push({ loud: Math.log(power / win + 1), hiss: Math.min(1, slope / (2 * power + 1)) });
    }
    return out;
  });
  const all = tracks.flat().map((f) => f.loud).sort((a, b) => a - b);
  const top = all[Math.floor(0.97 * (all.length - 1))];
  return tracks.map((frames, d) => {
    const raw = frames.map((f) => Math.min(1, Math.max(0, 1 + (f.loud - top) / 4.5)) * (1 - 0.6 * f.hiss));
    // Lips have mass: a Hann window of 90 ms.
    const opening = Float32Array.from(raw, (_, i) => {
      let s = 0, w = 0;
      for (let j = -4; j <= 4; j++) {
        const k = 1 + Math.cos((Math.PI * j) / 5);
        s += k * (raw[i + j] ?? 0);
        w += k;
      }
      return s / w;
    });
    // The first opening belongs to a window before the sound.
    return { samples: clips[d], opening, openingFromMs: (-win / 2 / rate) * 1000 };
  });
}

/** What travels into the page: sound and the movement of a mouth, which may be another talker's. */
export function packSpeech(reads, sound, mouth = sound) {
  const encode = (a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength).toString('base64');
  return {
    reads, stepMs: OPENING_MS,
    ms: sound.clips.map((c) => (c.samples.length / sound.rate) * 1000),
    mouths: mouth.clips.map((c) => ({ opening: Array.from(c.opening, (v) => Math.round(v * 1000) / 1000), openingFromMs: c.openingFromMs })),
    sound: { rate: sound.rate, clips: sound.clips.map((c) => encode(c.samples)), noiseDb: reads.noiseDb, kind: reads.sound, seed: reads.seed },
  };
}
