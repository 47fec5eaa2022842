// The test camera obeys the physics that it claims; no browser here.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildAssets, HEIGHT, LH, LW, pack, parameters, STEP, WIDTH } from './assets.mjs';
import { librarySequence } from './attacks.mjs';
import { drawnPortrait } from './drawn.mjs';
import { meshOf } from './portraits.mjs';
import { depthMap, ellipsoidMesh, faceMask, measure, normals, shading } from './head.mjs';
import { BANDS, patches, SCREENS, transfer } from './light.mjs';
import { random } from './random.mjs';
import { createRenderer, createReplay } from './renderer.js';
import { createSplicer } from './splicer.js';

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

describe('camera', () => {
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

describe('paper', () => {
  const dull = { ...steady, tiltX: 0, tiltY: 0, gloss: 0, directed: 0 };
  const { cx, cy, cm } = measure(portrait.mesh);
  /** The place of the grid this far (cm) to the right of the face's middle. */
  const place = (x) => Math.floor(cy / STEP) * LW + Math.floor((cx + x / cm) / STEP);
  const exact = (i) => ({ x: ((i % LW) + 0.5) * STEP, y: (Math.floor(i / LW) + 0.5) * STEP });

  test('bent paper is lit as a cylinder of its radius is', () => {
    const R = 10, { gain } = buildAssets(portrait, { ...dull, mode: 'bent', radiusCm: R });
    for (const x of [-6, -3, 0, 3, 6]) {
      const i = place(x), q = exact(i), u = (q.x - cx) * cm, root = Math.sqrt(R * R - u * u);
      const point = at(-(30 + R - root), (q.x - WIDTH / 2) * cm, (q.y - HEIGHT / 2) * cm);
      const want = irradiance('phone', point, { x: u / R, y: 0, z: root / R }).T;
      for (let b = 0; b < BANDS; b++) assert.ok(Math.abs((gain[b][1][i] * 150) / want[b] - 1) < 1e-4, `band ${b} at ${x}`);
    }
  });
  test('a flat print falls off less than a bent one', () => {
    const fall = (mode) => {
      const { gain } = buildAssets(portrait, { ...dull, mode, radiusCm: 7.5 });
      return sum(gain.map((g) => g[1][place(5)])) / sum(gain.map((g) => g[1][place(0)]));
    };
    assert.ok(fall('print') > 0.9 && fall('bent') < 0.8 * fall('print'), `${fall('print')} ${fall('bent')}`);
  });
  test('the room lights the side of a bent print that it comes from', () => {
    const side = (lightFrom) => {
      const { fg } = buildAssets(portrait, { ...dull, mode: 'bent', directed: 0.8, lightFrom });
      const v = (x) => fg[(Math.round(cy) * WIDTH + Math.round(cx + x / cm)) * 3 + 1];
      return v(5) / v(-5);
    };
    assert.ok(side([0.8, 0, 0.6]) > 1.2 * side([-0.8, 0, 0.6]));
  });
  test('gloss answers without the ink: dark ink more', () => {
    const { gain, fg } = buildAssets(portrait, { ...dull, mode: 'print', gloss: 0.05, glossExp: 20 });
    const plain = buildAssets(portrait, { ...dull, mode: 'print' }).gain;
    const i = place(0), q = exact(i), k = (Math.floor(q.y) * WIDTH + Math.floor(q.x)) * 3;
    assert.ok(fg[k + 2] < fg[k], 'skin is darker in blue');
    const more = (c) => sum(gain.map((g) => g[c][i])) / sum(plain.map((g) => g[c][i]));
    assert.ok(more(2) > more(0) && more(0) > 1.01, `${more(0)} ${more(2)}`);
  });
  test('a cut-out stands before the real room, by scissors', () => {
    for (const mode of ['cut', 'bent_cut']) {
      const { alpha } = buildAssets(portrait, { ...dull, mode });
      const soft = alpha.filter((v) => v > 0 && v < 255).length / alpha.length;
      assert.ok(alpha[0] === 0 && alpha[Math.round(cy) * WIDTH + Math.round(cx)] === 255 && soft < 0.05, `${mode} ${soft}`);
      const v = response({ ...dull, mode });
      assert.ok(v.face > 0.05 && v.room > 0 && v.room < 0.35 * v.face, `${mode} ${JSON.stringify(v)}`);
    }
    assert.ok(buildAssets(portrait, { ...dull, mode: 'bent' }).alpha.every((v) => v === 255));
  });
});

describe('software and screens', () => {
  test('a tint of the face leaves the room alone, and is the same all over the face', () => {
    const v = response({ mode: 'tint_face' });
    assert.ok(v.face > 0.05 && Math.abs(v.room) < 0.005, JSON.stringify(v));
    const { gain, mask } = buildAssets(portrait, { ...steady, mode: 'tint_face' });
    const skin = Array.from(gain[3][1]).filter((_, i) => mask[i]);
    assert.ok(Math.min(...skin) > 0.6 * Math.max(...skin)); // soft at its edge
    assert.equal(gain[3][1][LW * (LH - 1)], 0);
  });
  const screen = { mode: 'screen', tiltX: 0, tiltY: 0, mirror: 0, haze: 0.03, emissionNits: 25, ambientLux: 50 };
  test('another screen answers with its glass only', () => {
    const flash = (given) => response({ ...screen, ...given }, [solid(0, 0, 0), solid(1, 1, 1)]).face;
    const v = flash({});
    assert.ok(v > 0.02 && v < 0.3 * flash({ mode: 'live' }), `${v}`);
    assert.ok(flash({ mirror: 0.015, glossExp: 20 }) > 1.1 * v);
    const share = (given) => {
      const { veil } = buildAssets(portrait, { ...steady, ...screen, ...given });
      return sum(veil.bands.map((b) => b[(LH >> 1) * LW + (LW >> 1)])) / veil.face[1];
    };
    assert.ok(Math.abs(share({}) / share({ haze: 0.015 }) - 2) < 1e-3);
    assert.ok(Math.abs(share({}) / share({ emissionNits: 100 }) - 4) < 1e-3);
  });
  test('the glass adds its light whatever the video shows', () => {
    const { veil, gain, bgGain } = buildAssets(portrait, { ...steady, ...screen });
    assert.ok(gain.flat().every((g) => g.every((v) => v === 0)) && bgGain.every((v) => v === 0));
    const all = Float32Array.from({ length: LW * LH }, (_, i) => sum(veil.bands.map((b) => b[i])));
    for (let i = 1; i < all.length; i++) if (i % LW) assert.ok(Math.abs(all[i] / all[i - 1] - 1) < 0.02, 'no edge of the picture');
    assert.ok(veil.room > 0 && veil.face.every((v) => v > 0));
  });
  test('a video is no brighter than the screen', () => {
    const { fg, bg, p } = buildAssets(portrait, { ...steady, ...screen });
    const top = Math.max(fg.reduce((m, v) => Math.max(m, v)), bg.reduce((m, v) => Math.max(m, v)));
    assert.ok(p.emissionNits === 25 && top < 3, `${top}`);
  });
});

describe('splice', () => {
  const library = librarySequence(3), GREY = [0.58, 0.58, 0.58];
  /** A film that records nothing but the light and its time. */
  const notes = (light, from, to) => {
    const out = [];
    for (let t = from; t < to; t += 20) out.push({ t, L: light(t) });
    return out;
  };
  /** What the page shows at t: black, grey, then these colours from 2000 ms on, each wiped in over 200 of 400 ms. */
  const page = (colours) => (t) => {
    if (t < 400) return solid(1, 1, 1);
    if (t < 1000) return solid(0, 0, 0);
    const k = Math.floor((t - 2000) / 400);
    if (t < 2000 || k >= colours.length) return solid(...GREY);
    const before = k > 0 ? colours[k - 1].rgb : GREY, done = (t - 2000 - 400 * k) / 200;
    return Float32Array.from({ length: BANDS * 3 }, (_, i) => {
      const u = (((i / 3) | 0) + 0.5) / BANDS;
      return ((colours[k].forward ? u : 1 - u) <= done ? colours[k].rgb : before)[i % 3];
    });
  };
  const palette = library.colours;
  const wanted = [4, 1, 0, 3, 5, 2, 1, 4, 3, 0].map((k, i) => ({ rgb: palette[k], forward: i % 3 !== 0 }));

  test('the library is an earlier session with every colour, the same for a seed', () => {
    assert.deepEqual(librarySequence(3), library);
    assert.equal(library.segments.length, 14);
    for (const c of palette) assert.ok(library.segments.some((s) => s.rgb === c));
    library.segments.forEach((s, i) => assert.ok(i === 0 || s.rgb !== library.segments[i - 1].rgb));
  });
  test('the clips show the challenge, a latency after the page and not before', () => {
    const s = createSplicer(library, BANDS, notes, 60), shown = page(wanted);
    const drawn = new Map();
    for (let t = 0; t < 6800; t += 16) {
      s.see(t, shown(t)); // nothing of the future reaches it
      drawn.set(t, s.at(t));
    }
    const near = (t) => drawn.get(Math.round(t / 16) * 16);
    assert.equal(near(300), null, 'a long video until the colours');
    assert.equal(near(900).L[0], 0, 'its own black lead');
    wanted.forEach((w, k) => {
      const done = near(2000 + 400 * k + 60 + 290).L; // the wipe is over, in the page and in the clip
      assert.deepEqual([...done.slice(0, 3), ...done.slice(21)], [...solid(...w.rgb).slice(0, 3), ...solid(...w.rgb).slice(0, 3)], `segment ${k}`);
      const early = near(2000 + 400 * k + 40); // shown, not yet answered
      assert.notDeepEqual([...early.L], [...solid(...w.rgb)]);
    });
    const cuts = [...drawn.values()].filter((x, i, all) => i > 0 && x && all[i - 1] && Math.abs(x.t - all[i - 1].t) > 60);
    assert.ok(cuts.length >= wanted.length / 2, `${cuts.length} jumps`);
    assert.equal(near(6790), null, 'the long video again');
  });
  test('a filmed state is the frame that the camera gave then', () => {
    const given = pack(buildAssets(portrait, { ...steady, motion: 1 }));
    const a = createRenderer(given, decode);
    const states = a.film((t) => (t < 0 ? solid(...GREY) : solid(0, 1, 0)), -500, 500);
    const before = states.find((s) => s.t > -200), after = states.at(-1);
    a.show(before);
    const grey = levels(a).face;
    a.show(after);
    assert.ok(Math.abs(levels(a).face / grey - 1 - response({}).face) < 0.03);
    assert.notDeepEqual(before.drift, after.drift, 'the head moved in between');
    assert.deepEqual(a.show(before), before.drift, 'and a clip has the motion of its time');
  });
});
