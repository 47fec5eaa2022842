// Builds what the test camera needs for one session: the photo's linear light,
// the response of every place to each band of the screen, and the room behind.
import { BANDS, patches, transfer } from './light.mjs';
import { depthMap, faceMask, measure, normals, shading, silhouette } from './head.mjs';
import { random } from './random.mjs';
import { room } from './room.mjs';

export const WIDTH = 360, HEIGHT = 480; // what is computed; the camera gives it enlarged by OUT
export const OUT = 4 / 3;
export const STEP = 3; // the light is smooth: its grid is coarser
export const LW = WIDTH / STEP, LH = HEIGHT / STEP;

export const MODES = ['live', 'static', 'otherseq', 'flat', 'print'];

// Reflectance of the skin (R, G, B), type III on Fitzpatrick's scale; only the
// specular share depends on it.
const SKIN = [0.42, 0.26, 0.18];

export const toLinear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);

/**
 * Draws a session's parameters from its seed, inside the ranges of the
 * simulator (docs/protocol.md names the challenge); given members win.
 */
export function parameters(given = {}) {
  const seed = given.seed ?? 1;
  const r = random(seed);
  const screen = given.screen ?? 'phone';
  const phone = screen === 'phone';
  const drawn = {
    seed, screen,
    mode: 'live',
    latencyMs: 50,
    ambientLux: 250,
    fps: 20,
    distanceCm: phone ? r.range(26, 34) : r.range(44, 54),
    nits: phone ? r.range(300, 480) : r.range(240, 340),
    backgroundCm: r.range(40, 250), // behind the face
    depthScale: r.range(0.9, 1.15), // the truth differs from anybody's template
    ks: r.range(0.015, 0.05),
    exposureMs: r.range(10, 33),
    motion: r.range(0.5, 1.2), // 1: an ordinary hand
    ae: r.range(0.1, 0.5), aeTau: r.range(0.8, 3), // share of a change that exposure takes back, seconds
    awb: r.range(0.1, 0.4), awbTau: r.range(1.5, 4),
    curve: r.range(0, 0.2), // an S-curve that the server does not know
    tiltX: 6 * r.normal(), tiltY: 6 * r.normal(), // of a print, degrees
    paper: r.range(0.03, 0.06), // black of a print
    face: 0.27, // linear level of the face that exposure aims at
  };
  const out = { ...drawn, ...given };
  if (!MODES.includes(out.mode)) throw new Error(`camera: unknown mode ${out.mode}`);
  return out;
}

/**
 * portrait: {rgb: Uint8 WIDTH·HEIGHT·3, mesh: [[x, y, z]] in picture pixels}.
 * Returns plain arrays for the page; see renderer.js for how they are used.
 *   fg      linear light of the person under the room's light, times 1
 *   alpha   opacity of the person, 0 to 255; all 255 for a print
 *   bg      linear light of the room at half size
 *   gain    [band][channel] planes LW·LH: what 1 nit adds, relative to the room's light
 *   bgGain  [band] the same for the room, one number
 */
export function buildAssets(portrait, given) {
  const p = parameters(given);
  const lin = new Float32Array(256).map((_, i) => toLinear(i / 255));
  const n = WIDTH * HEIGHT;
  const fg = new Float32Array(n * 3);
  for (let i = 0; i < n * 3; i++) fg[i] = lin[portrait.rgb[i]];
  const opacity = silhouette(portrait.mesh, WIDTH, HEIGHT);
  const bg = room(WIDTH / 2, HEIGHT / 2, p.seed);
  const low = reduce(fg);
  const mask = faceMask(portrait.mesh, LW, LH, STEP);
  // Photos differ in exposure: bring the skin to a common level first.
  const level = mean(low.lum, mask), k = p.face / level;
  for (let i = 0; i < fg.length; i++) fg[i] *= k;
  for (const c of low.rgb) for (let i = 0; i < c.length; i++) c[i] *= k;
  const cm = measure(portrait.mesh).cm;
  const light = p.mode === 'print' || p.mode === 'flat' ? planeLight(p, cm) : headLight(p, portrait.mesh, low, mask, cm);
  const alpha = new Uint8Array(n);
  if (p.mode === 'print') {
    printed(fg, bg, opacity, p);
    alpha.fill(255);
  } else {
    for (let i = 0; i < n; i++) alpha[i] = Math.round(255 * opacity[i]);
  }
  return { p, fg, alpha, bg, mask, ...light };
}

/** Means of STEP×STEP blocks: linear planes and luminance. */
function reduce(fg) {
  const rgb = [0, 1, 2].map(() => new Float32Array(LW * LH)), lum = new Float32Array(LW * LH);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const i = (y * WIDTH + x) * 3, j = ((y / STEP) | 0) * LW + ((x / STEP) | 0);
      for (let c = 0; c < 3; c++) rgb[c][j] += fg[i + c] / (STEP * STEP);
    }
  for (let j = 0; j < lum.length; j++) lum[j] = 0.2126 * rgb[0][j] + 0.7152 * rgb[1][j] + 0.0722 * rgb[2][j];
  return { rgb, lum };
}

function mean(v, mask) {
  let s = 0, n = 0;
  for (let i = 0; i < v.length; i++) if (mask[i]) { s += v[i]; n++; }
  return s / Math.max(1, n);
}

/** Response of a real head, and of the room behind it. */
function headLight(p, mesh, low, mask, cm) {
  const z = depthMap(mesh, LW, LH, STEP, p.depthScale);
  const nrm = normals(z, LW, LH, cm * STEP);
  const shade = shading(low.lum, mask, nrm);
  const list = patches(p.screen);
  const gain = Array.from({ length: BANDS }, () => [0, 1, 2].map(() => new Float32Array(LW * LH)));
  const T = new Float64Array(BANDS), S = new Float64Array(BANDS);
  // Albedo relative to the skin's, made absolute by the skin's reflectance.
  const skin = [0, 1, 2].map((c) => mean(low.rgb[c], mask));
  for (let y = 0; y < LH; y++) {
    for (let x = 0; x < LW; x++) {
      const i = y * LW + x;
      const at = { x: (x - LW / 2) * cm * STEP, y: (y - LH / 2) * cm * STEP, z: -(p.distanceCm - z[i]) };
      transfer(list, at, { x: nrm.nx[i], y: nrm.ny[i], z: nrm.nz[i] }, p.ks, T, S);
      const room = p.ambientLux * shade[i];
      for (let c = 0; c < 3; c++) {
        const albedo = Math.min(0.8, Math.max(0.02, (SKIN[c] * low.rgb[c][i]) / (skin[c] * shade[i])));
        for (let b = 0; b < BANDS; b++) gain[b][c][i] = (T[b] + (Math.PI * S[b]) / albedo) / room;
      }
    }
  }
  return { gain, bgGain: wall(p, list) };
}

/** A wall that faces the screen, far behind. */
function wall(p, list) {
  const T = new Float64Array(BANDS), S = new Float64Array(BANDS);
  transfer(list, { x: 0, y: 0, z: -(p.distanceCm + p.backgroundCm) }, { x: 0, y: 0, z: 1 }, 0, T, S);
  return Array.from(T, (t) => t / p.ambientLux);
}

/**
 * A plane at the face's distance. Print: the whole picture with its printed
 * room reflects as one tilted sheet. Flat: a tint, equal everywhere, laid over
 * the whole frame by software.
 */
function planeLight(p, cm) {
  const list = patches(p.screen);
  const gain = Array.from({ length: BANDS }, () => [0, 1, 2].map(() => new Float32Array(LW * LH)));
  const T = new Float64Array(BANDS), S = new Float64Array(BANDS);
  const tx = Math.tan((p.tiltX * Math.PI) / 180), ty = Math.tan((p.tiltY * Math.PI) / 180);
  const l = Math.hypot(tx, ty, 1);
  const n = p.mode === 'print' ? { x: tx / l, y: ty / l, z: 1 / l } : { x: 0, y: 0, z: 1 };
  for (let y = 0; y < LH; y++) {
    for (let x = 0; x < LW; x++) {
      const i = y * LW + x;
      let at = { x: 0, y: 0, z: -p.distanceCm };
      if (p.mode === 'print') {
        const X = (x - LW / 2) * cm * STEP, Y = (y - LH / 2) * cm * STEP;
        at = { x: X, y: Y, z: -(p.distanceCm + tx * X + ty * Y) };
      }
      transfer(list, at, n, 0, T, S);
      for (let b = 0; b < BANDS; b++) for (let c = 0; c < 3; c++) gain[b][c][i] = T[b] / p.ambientLux;
    }
  }
  const middle = (LH >> 1) * LW + (LW >> 1);
  return { gain, bgGain: Array.from({ length: BANDS }, (_, b) => gain[b][0][middle]) };
}

/** Prints the person into the room on one sheet: the paper's black is not black. */
function printed(fg, bg, opacity, p) {
  const w = WIDTH / 2;
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const i = y * WIDTH + x, j = ((y >> 1) * w + (x >> 1)) * 3;
      for (let c = 0; c < 3; c++) {
        const v = fg[i * 3 + c] * opacity[i] + bg[j + c] * (1 - opacity[i]);
        fg[i * 3 + c] = p.paper * p.face + (1 - p.paper) * v;
      }
    }
}

/** A sequence of another session, for the mode otherseq. */
export function otherSequence(seed) {
  const palette = [[255, 104, 104], [0, 255, 0], [32, 32, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0]];
  const r = random(seed ^ 0x0be55ed);
  const out = [];
  let last = -1;
  while (out.length < 10) {
    const k = Math.floor(r.uniform() * palette.length);
    if (k === last) continue;
    last = k;
    out.push({ rgb: palette[k].map((v) => toLinear(v / 255)), forward: r.uniform() < 0.5 });
  }
  return { segmentMs: 400, wipeMs: 200, segments: out };
}

const encode = (a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength).toString('base64');

/** What travels into the page: numbers as base64 of typed arrays. */
export function pack(assets) {
  const { p } = assets;
  const q = (v, scale) => Uint16Array.from(v, (x) => Math.min(65535, Math.round(x * scale)));
  const max = Math.max(...assets.gain.flat().map((g) => g.reduce((m, v) => Math.max(m, v), 0)), 1e-9);
  const top = assets.fg.reduce((m, v) => Math.max(m, v), 1e-9);
  const gain = new Uint16Array(BANDS * 3 * LW * LH);
  assets.gain.forEach((band, b) => band.forEach((g, c) => gain.set(q(g, 65535 / max), (b * 3 + c) * LW * LH)));
  return {
    p, width: WIDTH, height: HEIGHT, out: OUT, step: STEP, bands: BANDS,
    fg: encode(q(assets.fg, 65535 / top)), fgScale: top / 65535,
    bg: encode(q(assets.bg, 65535)), bgScale: 1 / 65535,
    alpha: encode(assets.alpha), mask: encode(assets.mask),
    gain: encode(gain), gainScale: max / 65535, bgGain: assets.bgGain,
    other: p.mode === 'otherseq' ? otherSequence(p.seed) : null,
  };
}
