// The test camera obeys the physics that it claims; no browser here.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildAssets, HEIGHT, LW, pack, parameters, WIDTH } from './assets.mjs';
import { drawnPortrait } from './drawn.mjs';
import { meshOf } from './portraits.mjs';
import { depthMap, ellipsoidMesh, faceMask, normals, shading } from './head.mjs';
import { BANDS, patches, SCREENS, transfer } from './light.mjs';
import { random } from './random.mjs';
import { createRenderer, createReplay } from './renderer.js';

const sum = (a) => a.reduce((s, v) => s + v, 0);
const at = (z, x = 0, y = 0) => ({ x, y, z });
const facing = { x: 0, y: 0, z: 1 };

function irradiance(screen, p, n = facing) {
  const T = new Float64Array(BANDS), S = new Float64Array(BANDS);
  transfer(patches(screen), p, n, 0.03, T, S);
  return { T, S, total: sum(T) };
}

describe('light', () => {
  test('the patches cover the screen, once', () => {
    for (const s of Object.keys(SCREENS)) {
      const area = sum(patches(s).map((p) => p.area));
      assert.ok(Math.abs(area - SCREENS[s].width * SCREENS[s].height) < 1e-9);
      assert.deepEqual([...new Set(patches(s).map((p) => p.band))], [0, 1, 2, 3, 4, 5, 6, 7]);
    }
  });
  test('a 350 nit phone at 30 cm gives 30 to 40 lux', () => {
    const lux = 350 * irradiance('phone', at(-30, 0, 7)).total;
    assert.ok(lux > 30 && lux < 42, `${lux}`);
  });
  test('the light falls with the square of the distance', () => {
    const r = irradiance('phone', at(-150)).total / irradiance('phone', at(-300)).total;
    assert.ok(r > 3.9 && r < 4.1, `${r}`);
  });
  test('a surface turned away gets nothing', () => {
    assert.equal(irradiance('phone', at(-30, 0, 7), { x: 0, y: 0, z: -1 }).total, 0);
  });
  test('the left of a laptop screen lights the right of the picture', () => {
    const right = irradiance('laptop', at(-45, 6)).T, left = irradiance('laptop', at(-45, -6)).T;
    assert.ok(right[0] > left[0] && right[7] < left[7]);
  });
});

describe('head', () => {
  const mesh = ellipsoidMesh(240, 300, 192);
  test('the nose is nearest and the normals are unit vectors', () => {
    const z = depthMap(mesh, LW, 160, 4), n = normals(z, LW, 160, 0.3);
    const nose = z[Math.round(300 / 4 + 7) * LW + 60];
    assert.ok(nose > z[75 * LW + 40] + 2 && nose > z[60 * LW + 60]);
    for (let i = 0; i < z.length; i += 97) assert.ok(Math.abs(Math.hypot(n.nx[i], n.ny[i], n.nz[i]) - 1) < 1e-5);
  });
  test('of several faces the largest gives the mesh', () => {
    const face = (w, x) => ({ box: { w }, mesh: Array(468).fill([x, 0, 0]) });
    assert.equal(meshOf({ faces: [face(10, 1), face(30, 2), face(20, 3)] })[0][0], 2);
    assert.throws(() => meshOf({ faces: [{ box: { w: 5 } }] }), /no face/);
  });
  test('shading that was put in is found', () => {
    const z = depthMap(mesh, LW, 160, 4), n = normals(z, LW, 160, 0.3), m = faceMask(mesh, LW, 160, 4);
    const lum = n.nx.map((v, i) => 0.3 * Math.exp(0.5 * v - 0.2 * n.ny[i]));
    const s = shading(lum, m, n);
    let worst = 0;
    const flat = Array.from(m.keys()).filter((i) => m[i]);
    const mean = sum(flat.map((i) => lum[i] / s[i])) / flat.length;
    for (const i of flat) worst = Math.max(worst, Math.abs(lum[i] / s[i] / mean - 1));
    assert.ok(worst < 0.05, `${worst}`);
  });
});

describe('camera', () => {
  const portrait = drawnPortrait();
  const decode = (s) => { const b = Buffer.from(s, 'base64'); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };
  const solid = (r, g, b) => Float32Array.from({ length: BANDS * 3 }, (_, i) => [r, g, b][i % 3]);
  const steady = { ambientLux: 150, backgroundCm: 80, ae: 0, awb: 0, curve: 0, motion: 0, distanceCm: 30, nits: 400 };

  /** Mean linear response of face and room to green after grey: relative change of green. */
  function response(given, shown = [solid(0.58, 0.58, 0.58), solid(0, 1, 0)], after = 400) {
    const r = createRenderer(pack(buildAssets(portrait, { ...steady, ...given })), decode);
    r.light(0, shown[0]);
    for (let t = 300; t <= 1000; t += 100) r.render(t);
    const before = levels(r);
    r.light(1000, shown[1]);
    r.render(1000 + after);
    const now = levels(r);
    return { face: now.face / before.face - 1, room: now.room / before.room - 1 };
  }
  function levels(r) {
    const lin = (v) => ((v / 255 + 0.055) / 1.055) ** 2.4;
    let face = 0, room = 0;
    for (let y = 218; y < 255; y++) for (let x = 128; x < 150; x++) face += lin(r.fg[(y * WIDTH + x) * 4 + 1]);
    for (let y = 15; y < 90; y++) for (let x = 8; x < 30; x++) room += lin(r.bg[(y * WIDTH / 2 + x) * 4 + 1]);
    return { face, room };
  }
  const portraitOfPrint = (r) => {
    const lin = (v) => ((v / 255 + 0.055) / 1.055) ** 2.4;
    let s = 0;
    for (let y = 30; y < 150; y++) for (let x = 15; x < 45; x++) s += lin(r.fg[(y * WIDTH + x) * 4 + 1]);
    return s;
  };

  test('a live face answers, the room behind much less', () => {
    const v = response({ mode: 'live' });
    assert.ok(v.face > 0.05, `${v.face}`);
    assert.ok(v.room > 0 && v.room < 0.35 * v.face, `${v.room} of ${v.face}`);
  });
  test('more room light, less answer', () => {
    assert.ok(response({ mode: 'live', ambientLux: 400 }).face < 0.6 * response({ mode: 'live', ambientLux: 100 }).face);
  });
  test('static ignores the screen', () => {
    const v = response({ mode: 'static' });
    assert.ok(Math.abs(v.face) < 0.005 && Math.abs(v.room) < 0.005, JSON.stringify(v));
  });
  test('flat tints face and room alike', () => {
    const v = response({ mode: 'flat' });
    assert.ok(v.face > 0.05 && Math.abs(v.room / v.face - 1) < 0.12, JSON.stringify(v));
  });
  test('the printed room answers like the printed face', () => {
    const r = createRenderer(pack(buildAssets(portrait, { ...steady, mode: 'print', tiltX: 0, tiltY: 0 })), decode);
    r.light(0, solid(0.58, 0.58, 0.58));
    for (let t = 300; t <= 1000; t += 100) r.render(t);
    const face = levels(r).face, room = portraitOfPrint(r);
    r.light(1000, solid(0, 1, 0));
    r.render(1400);
    const a = levels(r).face / face - 1, b = portraitOfPrint(r) / room - 1;
    assert.ok(b / a > 0.3 && b / a < 1.1, `${b / a}`); // the corner is farther from the screen
  });
  test('the answer comes after the latency, not before', () => {
    assert.ok(Math.abs(response({ mode: 'live', latencyMs: 200 }, undefined, 190).face) < 0.005);
    assert.ok(response({ mode: 'live', latencyMs: 200 }, undefined, 240).face > 0.05);
  });
  test('a nearer screen half lights its side of the face', () => {
    const left = Float32Array.from({ length: BANDS * 3 }, (_, i) => (i < 12 ? 1 : 0));
    const right = left.map((v) => 1 - v);
    const side = (mode) => response({ mode: 'live', screen: 'laptop', distanceCm: 48 }, [solid(0.5, 0.5, 0.5), mode]).face;
    // The sample is left of the middle of the picture: the viewer's right.
    assert.ok(side(right) > side(left));
  });
  test('a replay answers its own sequence, in step with the page', () => {
    const other = { segmentMs: 400, wipeMs: 200, segments: [{ rgb: [1, 0, 0], forward: true }, { rgb: [0, 0, 1], forward: false }] };
    const f = createReplay(other, BANDS);
    const grey = solid(0.58, 0.58, 0.58), green = solid(0, 1, 0);
    assert.deepEqual(f(0, grey), grey);
    f(100, green);
    assert.deepEqual([...f(450, green).slice(0, 3)], [1, 0, 0]);
    const mid = f(600, green); // half-way through a backward wipe
    assert.deepEqual([...mid.slice(0, 3)], [1, 0, 0]);
    assert.deepEqual([...mid.slice(21, 24)], [0, 0, 1]);
    for (let t = 950; t < 1500; t += 16) f(t, grey);
    assert.deepEqual(f(1600, grey), grey, 'ready for the next attempt');
  });
  test('a seed is a session: the same twice, another otherwise', () => {
    const frame = (seed) => {
      const r = createRenderer(pack(buildAssets(portrait, { ...steady, seed, motion: 1 })), decode);
      r.light(0, solid(0.5, 0.5, 0.5));
      r.render(100);
      const m = { ...r.render(160) };
      return [Buffer.from(r.fg.buffer).toString('base64').length, r.fg.slice(360 * 4 * 220 + 600, 360 * 4 * 220 + 900).join(), m.x];
    };
    assert.deepEqual(frame(5), frame(5));
    assert.notDeepEqual(frame(5), frame(6));
    assert.notEqual(parameters({ seed: 5 }).nits, parameters({ seed: 6 }).nits);
  });
  test('an unknown mode is an error', () => {
    assert.throws(() => parameters({ mode: 'hologram' }), /unknown mode/);
  });
  test('the generator is uniform enough', () => {
    const r = random(7);
    const v = Array.from({ length: 4000 }, r.uniform);
    assert.ok(Math.abs(sum(v) / v.length - 0.5) < 0.02);
    assert.ok(v.every((x) => x >= 0 && x < 1));
    assert.ok(HEIGHT > WIDTH);
  });
});
