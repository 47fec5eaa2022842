import assert from 'node:assert/strict';
import { test } from 'node:test';

import { captureShape, encodeFrame, encodeSound, FRAME_HEADER, parse, ProtocolError, SOUND_PIECE } from '../core/protocol';

const welcome = {
  type: 'welcome', v: 1, attempt: 1, attempts: 3, expires_ms: 120000,
  preview: { fps: 5, width: 360, height: 480, quality: 80 }, capture: { fps: 15, width: 360, height: 480, quality: 88 },
  limits: { frame_bytes: 262144, session_bytes: 16777216, frames: 300 },
};
const challenge = {
  type: 'challenge', attempt: 1, nonce: 'ab', neutral: [200, 200, 200], fade_ms: 300, preroll_ms: 1000,
  segment_ms: 400, wipe_ms: 200, postroll_ms: 300, segments: [{ rgb: [0, 255, 0], forward: true }],
};

function fieldOf(m: unknown): string {
  try {
    parse(typeof m === 'string' ? m : JSON.stringify(m));
  } catch (e) {
    assert(e instanceof ProtocolError);
    return e.field;
  }
  return '';
}

test('a frame is 16 bytes and the JPEG', () => {
  const out = new Uint8Array(encodeFrame({ attempt: 2, preview: true, seq: 0x01020304, t: 1234.5 }, new Uint8Array([0xff, 0xd8])));
  assert.equal(out.length, FRAME_HEADER + 2);
  assert.deepEqual([...out], [1, 2, 0, 1, 1, 2, 3, 4, 0x40, 0x93, 0x4a, 0, 0, 0, 0, 0, 0xff, 0xd8]);
});

test('sound is 16 bytes and the samples, little-endian', () => {
  const samples = new Int16Array(SOUND_PIECE.min);
  samples.set([1, -2, 32767, -32768]);
  const out = new Uint8Array(encodeSound({ attempt: 2, seq: 0x01020304, t: 1234.5 }, samples));
  assert.equal(out.length, FRAME_HEADER + 2 * SOUND_PIECE.min);
  assert.deepEqual([...out.slice(0, 26)], [2, 2, 0, 0, 1, 2, 3, 4, 0x40, 0x93, 0x4a, 0, 0, 0, 0, 0, 1, 0, 0xfe, 0xff, 0xff, 0x7f, 0, 0x80, 0, 0]);
  for (const n of [0, SOUND_PIECE.min - 1, SOUND_PIECE.max + 1]) assert.throws(() => encodeSound({ attempt: 1, seq: 0, t: 0 }, new Int16Array(n)), RangeError, String(n));
});

test('a head without an encoding is refused', () => {
  const jpeg = new Uint8Array(1);
  for (const h of [{ attempt: 0 }, { attempt: 256 }, { seq: -1 }, { seq: 2 ** 32 }, { t: NaN }, { t: Infinity }]) {
    assert.throws(() => encodeSound({ attempt: 1, seq: 0, t: 0, ...h }, new Int16Array(SOUND_PIECE.min)), RangeError, JSON.stringify(h));
  }
  for (const h of [{ attempt: 0 }, { attempt: 256 }, { seq: -1 }, { seq: 2 ** 32 }, { t: NaN }, { t: Infinity }]) {
    assert.throws(() => encodeFrame({ attempt: 1, preview: false, seq: 0, t: 0, ...h }, jpeg), RangeError, JSON.stringify(h));
  }
});

test('what the server says is read with all its members', () => {
  const w = parse(JSON.stringify({ ...welcome, later: { x: 1 } }));
  assert(w?.type === 'welcome' && w.capture.fps === 15 && w.portrait === null && w.limits.frames === 300);
  const p = parse(JSON.stringify({ ...welcome, portrait: { fps: 4, width: 360, height: 480, quality: 80 } }));
  assert(p?.type === 'welcome' && p.portrait?.width === 360);
  assert.deepEqual(captureShape(p, 1), p.capture);
  assert.deepEqual(captureShape(p, 2), { ...p.portrait, fps: p.capture.fps }); // the first was not enough
  assert.deepEqual(captureShape(w, 2), w.capture);
  const c = parse(JSON.stringify(challenge));
  assert(c?.type === 'challenge' && c.segments[0]!.rgb[1] === 255);
  assert.deepEqual(parse('{"type":"guide","ok":true,"box":[0.1,0.2,0.3,0.4]}'), { type: 'guide', ok: true, hint: '', box: [0.1, 0.2, 0.3, 0.4] });
  assert.deepEqual(parse('{"type":"result","outcome":"fail","hint":"","attempt":1,"attempts_left":0,"err_code":10004,"verify_result":"x"}'),
    { type: 'result', outcome: 'fail', hint: '', attempt: 1, attempts_left: 0, method: 'flash', err_code: 10004, verify_result: 'x' });
});

test('digits are read with all their members, and what may be absent', () => {
  const prepare = { type: 'prepare', attempt: 1, neutral: [200, 200, 200], lead_ms: 0, fade_ms: 400, preroll_ms: 1000 };
  const p = parse(JSON.stringify({ ...prepare, method: 'digits', digits: 6, paced: true, light: true }));
  assert(p?.type === 'prepare' && p.method === 'digits');
  assert.deepEqual(p.reading, { digits: 6, paced: true, light: true });
  const plain = parse(JSON.stringify({ ...prepare, method: 'digits', digits: 4 }));
  assert(plain?.type === 'prepare');
  assert.deepEqual(plain.reading, { digits: 4, paced: false, light: false });
  const flash = parse(JSON.stringify(prepare));
  assert(flash?.type === 'prepare' && flash.method === 'flash' && flash.reading === null);
  assert.deepEqual(parse('{"type":"prompt","attempt":1,"index":2,"digits":"7","rgb":[210,190,190]}'), { type: 'prompt', attempt: 1, index: 2, digits: '7', rgb: [210, 190, 190] });
  assert.deepEqual(parse('{"type":"prompt","attempt":1,"index":0,"digits":"0712"}'), { type: 'prompt', attempt: 1, index: 0, digits: '0712', rgb: null });
  assert.deepEqual(parse('{"type":"listened","attempt":1}'), { type: 'listened', attempt: 1 });
  const method = (m: object): unknown => { const got = parse(JSON.stringify(m)); return got && 'method' in got && got.method; };
  assert.deepEqual([method(welcome), method({ ...welcome, method: 'digits' })], ['flash', 'digits']);
  assert.equal(method({ type: 'result', outcome: 'retry', attempt: 1, attempts_left: 2, method: 'digits' }), 'digits');
  for (const [m, field] of [
    [{ ...welcome, method: 'dance' }, 'method'], [{ type: 'result', outcome: 'retry', attempt: 1, method: 1 }, 'method'], [{ ...prepare, method: 'digits' }, 'digits'],
    [{ ...prepare, method: 'digits', digits: 17 }, 'digits'], [{ ...prepare, method: 'digits', digits: 6, paced: 1 }, 'paced'], [{ type: 'listened' }, 'attempt'],
    ...['', 'x', '１', '7 ', '1'.repeat(17), 7].map((digits) => [{ type: 'prompt', attempt: 1, index: 0, digits }, 'digits'] as [object, string]),
    [{ type: 'prompt', attempt: 1, index: 16, digits: '7' }, 'index'], [{ type: 'prompt', attempt: 1, index: 0, digits: '7', rgb: [1, 2] }, 'rgb'],
  ] as [object, string][]) assert.equal(fieldOf(m), field, JSON.stringify(m));
});

test('a newer server is understood as far as possible', () => {
  assert.equal(parse('{"type":"sing"}'), null);
  const g = parse('{"type":"guide","ok":false,"hint":"smile","box":null}');
  assert(g?.type === 'guide' && g.hint === '' && g.box[2] === 0);
});

test('nonsense names its field', () => {
  assert.equal(fieldOf('{'), 'message');
  assert.equal(fieldOf('[]'), 'message');
  assert.equal(fieldOf({}), 'type');
  assert.equal(fieldOf({ ...welcome, v: 2 }), 'v');
  assert.equal(fieldOf({ ...welcome, capture: { ...welcome.capture, width: 0 } }), 'capture.width');
  assert.equal(fieldOf({ ...welcome, limits: null }), 'limits.');
  assert.equal(fieldOf({ ...welcome, portrait: { ...welcome.capture, quality: 101 } }), 'portrait.quality');
  assert.equal(fieldOf({ ...challenge, neutral: [1, 2] }), 'neutral');
  assert.equal(fieldOf({ ...challenge, segments: [] }), 'segments');
  assert.equal(fieldOf({ ...challenge, segments: [{ rgb: [0, 0, 256], forward: true }] }), 'segments[0].rgb');
  assert.equal(fieldOf({ type: 'result', outcome: 'maybe', attempt: 1 }), 'outcome');
  assert.equal(fieldOf({ type: 'guide', ok: 1 }), 'ok');
});

test('a flash that would be unsafe is refused whoever asks for it', () => {
  assert.equal(fieldOf({ ...challenge, segment_ms: 333, wipe_ms: 100 }), 'segment_ms');
  assert.equal(fieldOf({ ...challenge, segment_ms: 334, wipe_ms: 335 }), 'wipe_ms');
});

test('no text whatever makes the reader do anything but read or refuse', () => {
  let seed = 3;
  const random = (n: number): number => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed % n; };
  const seeds = [welcome, challenge, { type: 'guide', ok: true, hint: 'closer', box: [0, 0, 1, 1] }, { type: 'result', outcome: 'retry', attempt: 1 },
    { type: 'prepare', attempt: 1, neutral: [1, 2, 3], fade_ms: 1, preroll_ms: 1 },
    { type: 'prepare', attempt: 1, neutral: [1, 2, 3], lead_ms: 600, fade_ms: 300, preroll_ms: 1 }, { type: 'error', code: 'x' },
    { type: 'prepare', attempt: 1, method: 'digits', neutral: [1, 2, 3], fade_ms: 1, preroll_ms: 1, digits: 6, paced: true },
    { type: 'prompt', attempt: 1, index: 3, digits: '7', rgb: [1, 2, 3] }].map((m) => JSON.stringify(m));
  const bits = ['null', '-1', '1e999', '""', '[]', '{}', 'true', '"__proto__"', ',', '}', '\\u0000', '9'.repeat(400)];
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    const s = seeds[random(seeds.length)]!;
    const at = random(s.length);
    const text = s.slice(0, at) + bits[random(bits.length)]! + s.slice(at + random(6));
    try {
      parse(text);
    } catch (e) {
      assert(e instanceof ProtocolError, `${text}: ${String(e)}`);
      refused++;
    }
  }
  assert(refused > 10_000);
});
