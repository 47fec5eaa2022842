// The head that reads aloud keeps its own promises; no browser here.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildAssets, pack, parameters, WIDTH } from './assets.mjs';
import { drawnPortrait } from './drawn.mjs';
import { createMouth } from './mouth.js';
import { landmarks, mouthOf } from './mouth.mjs';
import { createRenderer } from './renderer.js';
import { OPENING_MS, packSpeech, parseWAV, speech, VOICES } from './speech.mjs';
import { createTalker } from './talker.js';

const portrait = drawnPortrait();
const decode = (s) => { const b = Buffer.from(s, 'base64'); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };
const near = (got, want, by) => assert.ok(Math.abs(got - want) <= by, `${got} instead of ${want}`);

describe('mouth', () => {
  const SIDE = 40; // a striped photo whose rows tell where they came from
  const at = { x0: 10, lip: Array(20).fill(12), travel: Array(20).fill(8), reach: Array(20).fill(24), hand: { x: 20, y: 20, rx: 9, ry: 7 } };
  const photo = () => Float32Array.from({ length: SIDE * SIDE * 3 }, (_, i) => 1 + ((i / 3 / SIDE) | 0));
  const column = (p, x = 20) => Array.from({ length: SIDE }, (_, y) => p[(y * SIDE + x) * 3]);

  test('an open mouth moves what is below the lips down, less towards the chin, and is dark within', () => {
    const p = photo(), before = column(p), m = createMouth(at, p, SIDE, 0.3, 3);
    m.draw(1, false);
    const c = column(p);
    assert.deepEqual(c.slice(0, 12), before.slice(0, 12), 'the upper lip stays');
    for (const y of [14, 16, 18]) assert.ok(c[y] < 0.1, `row ${y} is ${c[y]}`);
    near(c[21], before[21] - 8 * (1 - 1 / 16), 0.5); // the lower lip, eight rows farther down
    near(c[30], before[30] - 8 * (1 - 10 / 16), 0.5);
    assert.deepEqual(c.slice(37), before.slice(37), 'the neck stays');
    assert.deepEqual(column(p, 8), before, 'and so do the cheeks');
  });
  test('it closes without a trace, and half open is half as far', () => {
    const p = photo(), m = createMouth(at, p, SIDE, 0.3, 3);
    const dark = () => column(p).filter((v) => v < 1).length;
    m.draw(1, false);
    const wide = dark();
    m.draw(0.5, false);
    near(dark(), wide / 2, 1);
    m.draw(0, true);
    m.draw(0, false);
    assert.deepEqual(p, photo());
  });
  test('a hand covers the lips and nothing else', () => {
    const p = photo(), m = createMouth(at, p, SIDE, 0.3, 3);
    m.draw(1, true);
    for (const y of [18, 20, 22]) near(p[(y * SIDE + 20) * 3], 0.3 * 1.05, 0.08);
    assert.equal(p[(4 * SIDE + 20) * 3], 5);
    m.draw(0, false);
    assert.deepEqual(p, photo());
  });
  test('lips are found in a mesh, from corner to corner', () => {
    const mesh = Array.from({ length: 468 }, () => [100, 100, 0]);
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308].forEach((k, i) => { mesh[k] = [150 + 6 * i, 298, 0]; });
    [95, 88, 178, 87, 14, 317, 402, 318, 324].forEach((k, i) => { mesh[k] = [156 + 6 * i, 302, 0]; });
    Object.assign(mesh, { 33: [120, 200, 0], 263: [240, 200, 0], 152: [180, 350, 0] });
    const m = landmarks({ mesh });
    assert.deepEqual([m.line[0], m.line[5], m.line[10], m.chin, m.eyes], [[150, 298], [180, 300], [210, 298], 350, 120]);
    const at = mouthOf({ mesh });
    near(Math.max(...at.travel), 0.22 * 120, 0.5);
    near(at.travel[0] + at.travel.at(-1), 0, 1e-9);
    assert.throws(() => landmarks({ mesh: mesh.slice(1) }), /no lips/);
  });
  test('the reading head is the live one, with a mouth', () => {
    const given = { ambientLux: 200, motion: 0, seed: 4 };
    const assets = pack(buildAssets(portrait, { ...given, mode: 'reading' }));
    assert.equal(pack(buildAssets(portrait, { ...given, mode: 'live' })).mouth, null);
    assert.deepEqual(assets.gain, pack(buildAssets(portrait, { ...given, mode: 'live' })).gain, 'lit alike');
    const r = createRenderer(assets, decode), m = createMouth(assets.mouth, r.photo, WIDTH, assets.p.face, 4);
    const lips = () => { // where the light is least, in a column through the middle of the mouth
      r.render(100);
      return Math.min(...Array.from({ length: 14 }, (_, k) => r.fg[((276 + k) * WIDTH + 180) * 4]));
    };
    r.light(0, new Float32Array(24).fill(0.5));
    m.draw(0, false);
    const closed = lips();
    m.draw(1, false);
    assert.ok(lips() < 0.75 * closed, `${lips()} of ${closed}`);
  });
});

describe('parameters', () => {
  test('a seed is a reader; given members win; unknown words are errors', () => {
    const p = parameters({ seed: 9, mode: 'reading', reads: { soundLateMs: 700 } });
    assert.deepEqual(p, parameters({ seed: 9, mode: 'reading', reads: { soundLateMs: 700 } }));
    assert.equal(p.reads.soundLateMs, 700);
    assert.equal(parameters({ seed: 9 }).reads, undefined, 'who does not read has no voice');
    assert.ok(parameters({ mode: 'static', reads: {} }).reads, 'a picture may have one');
    const { earlier } = p.reads;
    assert.equal(earlier.length, 6);
    earlier.forEach((w, i) => { if (i) assert.ok(w.at - earlier[i - 1].at >= 900 && w.at - earlier[i - 1].at < 1600); });
    assert.notDeepEqual(parameters({ seed: 10, mode: 'reading' }).reads.earlier, earlier);
    for (const reads of [{ says: 'nothing' }, { mouth: 'shut' }, { sound: 'loud' }]) assert.throws(() => parameters({ reads }), /unknown/);
  });
});

describe('talker', () => {
  // Clips of 300 ms in which the mouth opens and closes once, 50 ms before the sound.
  const mouths = Array.from({ length: 10 }, () => ({ opening: [0, 0.5, 1, 1, 0.5, 0], openingFromMs: 0 }));
  const reader = (reads) => createTalker({ ...parameters({ seed: 2, mode: 'reading' }).reads, leadMs: 50, ...reads }, mouths, Array(10).fill(300), 60);
  /** Shows the digits, a second apart, and notes what is said and how the mouth moves. */
  const session = (talker, digits, from = 10_000) => {
    const said = [], open = [];
    for (let t = from; t < from + digits.length * 1000 + 2500; t += 10) {
      const k = Math.floor((t - from) / 1000);
      talker.see(t, k < digits.length ? { key: `${k} ${digits[k]}`, digits: digits[k] } : null);
      said.push(...talker.due(t).map((w) => ({ ...w, now: t })));
      open.push([t, talker.opening(t), talker.covered(t)]);
    }
    return { said, open };
  };
  const first = (open, from) => open.find(([t, o]) => t >= from && o > 0)?.[0];

  test('says each digit once, after a reaction, and is told in time', () => {
    const { said } = session(reader(), '774150');
    assert.equal(said.map((w) => w.digit).join(''), '774150');
    said.forEach((w, i) => {
      const late = w.at - 10_000 - 1000 * i;
      assert.ok(late >= 380 && late <= 640, `${late}`);
      assert.ok(w.at - w.now > 200 && w.at - w.now <= 250);
    });
  });
  test('the mouth opens the lead before the sound', () => {
    const { said, open } = session(reader(), '3');
    near(first(open, 0), said[0].at - 50, 12);
    assert.equal(Math.max(...open.map(([, o]) => o)), 1);
    assert.equal(open.at(-1)[1], 0);
  });
  test('sound or mouth may be late', () => {
    for (const soundLateMs of [700, -700]) {
      const { said, open } = session(reader({ soundLateMs }), '3');
      near(first(open, 0) - said[0].at, -50 - soundLateMs, 12);
    }
  });
  test('other digits are all others', () => {
    const { said } = session(reader({ says: 'others' }), '774150');
    assert.equal(said.length, 6);
    said.forEach((w, i) => assert.notEqual(w.digit, Number('774150'[i])));
  });
  test('a recording starts with the first digit and goes its own way, again in each attempt', () => {
    const talker = reader({ says: 'earlier' }), { earlier } = parameters({ seed: 2, mode: 'reading' }).reads;
    for (const from of [10_000, 30_000]) {
      const { said } = session(talker, '774150', from);
      assert.deepEqual(said.map((w) => [w.digit, Math.round(w.at - from)]), earlier.map((w) => [w.digit, Math.round(w.at)]));
    }
  });
  test('a still mouth is still, a covered one covered while there is something to read', () => {
    const still = session(reader({ mouth: 'still' }), '31');
    assert.equal(still.said.length, 2);
    assert.ok(still.open.every(([, o, covered]) => o === 0 && !covered));
    const covered = session(reader({ mouth: 'covered' }), '31');
    assert.ok(covered.open.filter(([t]) => t < 13_000).every(([, o, c]) => o === 0 && c));
    assert.equal(reader({ mouth: 'covered' }).covered(9000), false, 'not before');
  });
  test('several digits at once are read one after another', () => {
    const talker = reader();
    talker.see(0, { key: '0 4071', digits: '4071' });
    const said = [];
    for (let t = 0; t < 4000; t += 10) said.push(...talker.due(t));
    assert.equal(said.map((w) => w.digit).join(''), '4071');
    said.forEach((w, i) => { if (i) assert.ok(w.at - said[i - 1].at > 300); });
  });
});

describe('speech', () => {
  test('a WAV is read by its chunks, and what is not one is refused', () => {
    const wav = (channels) => {
      const b = Buffer.alloc(56);
      b.write('RIFF', 0); b.write('WAVE', 8); b.write('fmt ', 12); b.writeUInt32LE(16, 16);
      b.writeUInt16LE(1, 20); b.writeUInt16LE(channels, 22); b.writeUInt32LE(22050, 24); b.writeUInt16LE(16, 34);
      b.write('data', 36); b.writeUInt32LE(0x7fffffff, 40); // a length of a pipe: to the end
      for (let i = 0; i < 6; i++) b.writeInt16LE(i - 3, 44 + 2 * i);
      return b;
    };
    assert.deepEqual(parseWAV(wav(1)), { rate: 22050, samples: Int16Array.from([-3, -2, -1, 0, 1, 2]) });
    assert.throws(() => parseWAV(wav(2)), /mono/);
    assert.throws(() => parseWAV(Buffer.alloc(60)), /no WAV/);
  });
  test('every voice says ten words that fit between two digits and open the mouth', async () => {
    for (const lang of ['zh', 'en'])
      for (const voice of Object.keys(VOICES)) {
        const { clips, rate } = await speech(voice, lang);
        assert.equal(clips.length, 10);
        clips.forEach((c, d) => {
          const ms = (c.samples.length / rate) * 1000, why = `${lang} ${voice} ${d}`;
          assert.ok(ms > 200 && ms < 850, `${why}: ${ms} ms`);
          near(Math.max(...c.samples.map(Math.abs)) / 32767, 0.5, 0.01);
          assert.ok(Math.max(...c.opening) > 0.6 && c.opening[0] < 0.3 && c.opening.at(-1) < 0.05, why);
          near(c.opening.length * OPENING_MS, ms + 50, 2 * OPENING_MS);
        });
      }
    await assert.rejects(speech('nobody'), /no voice/);
  });
  test('Mandarin is not English: the digits of one talker differ, and s hisses with nearly closed teeth', async () => {
    const { clips } = await speech('mei'), again = await speech('mei');
    assert.deepEqual(clips[5].samples, again.clips[5].samples, 'the same twice');
    const start = (d) => clips[d].opening.slice(4, 9).reduce((a, v) => a + v, 0) / 5;
    assert.ok(start(3) < 0.7 * start(1), `san ${start(3)}, yi ${start(1)}`);
  });
  test('another talker lends the sound only', async () => {
    const [mei, wang] = [await speech('mei'), await speech('wang')];
    const { reads } = parameters({ seed: 1, mode: 'reading', reads: { voice: 'wang', mouthVoice: 'mei' } });
    const packed = packSpeech(reads, wang, mei);
    assert.equal(new Int16Array(decode(packed.sound.clips[2])).length, wang.clips[2].samples.length);
    assert.equal(packed.mouths[2].opening.length, mei.clips[2].opening.length);
  });
});
