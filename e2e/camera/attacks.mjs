// What an attacker puts before the camera, or in its place: paper, another
// screen, software. The parameters are those of assets.mjs.
import { LH, LW, HEIGHT, mean, reduce, sample, STEP, WIDTH } from './grid.mjs';
import { blur, measure } from './head.mjs';
import { BANDS, patches, toLinear, transfer } from './light.mjs';
import { random } from './random.mjs';

/** Modes whose picture and room are one sheet, that moves as a whole. */
export const SHEETS = ['print', 'bent'];
/** Modes of paper; those that are no sheet are cut out along head and shoulders. */
export const PAPER = [...SHEETS, 'cut', 'bent_cut'];

const planes = () => Array.from({ length: BANDS }, () => [0, 1, 2].map(() => new Float32Array(LW * LH)));
const radians = (degrees) => (degrees * Math.PI) / 180;

/**
 * The surface of a sheet about the face's middle: at(x, y) in cm gives its depth
 * behind the face's plane and its normal. bent: a cylinder about the vertical.
 */
function surface(p) {
  const tx = Math.tan(radians(p.tiltX)), ty = Math.tan(radians(p.tiltY));
  const bent = p.mode.startsWith('bent'), R = p.radiusCm;
  return (x, y) => {
    let depth = tx * x + ty * y, slope = tx;
    if (bent) {
      const u = Math.min(Math.abs(x), 0.95 * R), root = Math.sqrt(R * R - u * u); // beyond, the paper goes straight on
      depth += R - root + ((Math.abs(x) - u) * u) / root;
      slope += (Math.sign(x) * u) / root;
    }
    const l = Math.hypot(slope, ty, 1);
    return { depth, n: { x: slope / l, y: ty / l, z: 1 / l } };
  };
}

/** Calls visit(i, place, normal) for each place of the grid on a sheet. */
function overSheet(p, mesh, visit) {
  const m = measure(mesh), at = surface(p);
  for (let y = 0; y < LH; y++)
    for (let x = 0; x < LW; x++) {
      const px = (x + 0.5) * STEP, py = (y + 0.5) * STEP;
      const { depth, n } = at((px - m.cx) * m.cm, (py - m.cy) * m.cm);
      visit(y * LW + x, { x: (px - WIDTH / 2) * m.cm, y: (py - HEIGHT / 2) * m.cm, z: -(p.distanceCm + depth) }, n);
    }
}

/** Relative light of the room on a surface: more from above, and a share from one side. */
function fromRoom(p, n) {
  const [x, y, z] = p.lightFrom;
  const from = Math.max((n.x * x + n.y * y + n.z * z + 0.25) / 1.25, 0);
  const straight = Math.max((z + 0.25) / 1.25, 0.2); // on a surface that faces the camera
  return (1 - p.directed) * (0.8 - 0.2 * n.y) + (p.directed * from) / straight;
}

/**
 * Prints the person, in the room or to be cut out, and lights the paper: fg
 * becomes its light in the room, opacity (0 to 1) that of the paper; returns
 * what each nit adds. skin is the reflectance of what is as bright as p.face.
 */
export function paperLight(p, mesh, mask, fg, bg, opacity, skin) {
  const cut = !SHEETS.includes(p.mode);
  printed(fg, bg, opacity, p, cut);
  const low = reduce(fg), gain = planes();
  const room = new Float32Array(LW * LH);
  overSheet(p, mesh, (i, _, n) => { room[i] = fromRoom(p, n); });
  const level = mean(room, mask);
  const list = patches(p.screen), T = new Float64Array(BANDS), S = new Float64Array(BANDS);
  overSheet(p, mesh, (i, at, n) => {
    room[i] /= level;
    transfer(list, at, n, p.gloss, T, S, p.glossExp);
    for (let c = 0; c < 3; c++) {
      // The lobe does not ask for the ink by which all is multiplied.
      const albedo = Math.max(0.01, (low.rgb[c][i] * skin) / p.face);
      for (let b = 0; b < BANDS; b++) gain[b][c][i] = (T[b] + (Math.PI * S[b]) / albedo) / (p.ambientLux * room[i]);
    }
  });
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const i = y * WIDTH + x, k = sample(room, x, y);
      for (let c = 0; c < 3; c++) fg[3 * i + c] *= k;
      opacity[i] = cut ? Math.min(1, Math.max(0, (opacity[i] - 0.5) * 4 + 0.5)) : 1; // by scissors
    }
  return gain;
}

/** The paper's black is not black. */
function printed(fg, bg, opacity, p, cut) {
  const w = WIDTH / 2;
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const i = y * WIDTH + x, j = ((y >> 1) * w + (x >> 1)) * 3, m = cut ? 1 : opacity[i];
      for (let c = 0; c < 3; c++) fg[3 * i + c] = p.paper * p.face + (1 - p.paper) * (fg[3 * i + c] * m + bg[j + c] * (1 - m));
    }
}

/**
 * A tint that software lays over the picture by what is shown, as strong as the
 * answer of a thing in the face's place: over the whole frame (flat), or over
 * the face only (tint_face). Returns {gain, bgGain}.
 */
export function tintLight(p, mesh) {
  const T = new Float64Array(BANDS), S = new Float64Array(BANDS);
  transfer(patches(p.screen), { x: 0, y: 0, z: -p.distanceCm }, { x: 0, y: 0, z: 1 }, 0, T, S);
  const share = p.mode === 'flat' ? new Float32Array(LW * LH).fill(1) : faceOnly(mesh);
  const gain = planes();
  gain.forEach((band, b) => band.forEach((g) => { for (let i = 0; i < g.length; i++) g[i] = (share[i] * T[b]) / p.ambientLux; }));
  return { gain, bgGain: Array.from(T, (t) => (p.mode === 'flat' ? t / p.ambientLux : 0)) };
}

/** Soft mask of the face, as a segmentation gives it. */
function faceOnly(mesh) {
  const m = measure(mesh), out = new Float32Array(LW * LH);
  for (let i = 0; i < out.length; i++) {
    const x = ((i % LW) + 0.5) * STEP, y = (((i / LW) | 0) + 0.5) * STEP;
    out[i] = Math.hypot((x - m.cx) / (0.54 * m.width), (y - m.cy) / (0.56 * m.height)) < 1 ? 1 : 0;
  }
  return blur(out, LW, LH, (0.05 * m.width) / STEP);
}

const VIDEO = 0.2; // mean of a video, linear
const BLACK = 0.001; // of a display

/**
 * Another screen plays a video without flashes; its glass sends back a little of
 * the page's light and of the room's. fg and bg become the video. Returns the
 * veil: what lies over the picture, in its unit: {room, bands: [band] planes a
 * nit, face: [channel] the video's face}.
 */
export function glassVeil(p, mesh, mask, fg, bg, opacity) {
  const luma = (v, i) => 0.2126 * v[i] + 0.7152 * v[i + 1] + 0.0722 * v[i + 2];
  let sum = 0;
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const i = y * WIDTH + x, m = opacity[i];
      sum += m * luma(fg, 3 * i) + (1 - m) * luma(bg, ((y >> 1) * (WIDTH / 2) + (x >> 1)) * 3);
    }
  const exposure = (VIDEO * WIDTH * HEIGHT) / sum;
  const play = (v) => { for (let i = 0; i < v.length; i++) v[i] = Math.min(1, v[i] * exposure) + BLACK; };
  play(fg);
  play(bg);
  const k = p.face / mean(reduce(fg).lum, mask); // the camera's exposure
  for (const v of [fg, bg]) for (let i = 0; i < v.length; i++) v[i] *= k;
  const face = reduce(fg).rgb.map((v) => mean(v, mask));
  const lux = k / (Math.PI * p.emissionNits); // of light that comes back, in the picture's unit
  const bands = Array.from({ length: BANDS }, () => new Float32Array(LW * LH));
  const list = patches(p.screen), T = new Float64Array(BANDS), S = new Float64Array(BANDS);
  overSheet(p, mesh, (i, at, n) => {
    transfer(list, at, n, p.mirror, T, S, p.glossExp);
    for (let b = 0; b < BANDS; b++) bands[b][i] = lux * (p.haze * T[b] + Math.PI * S[b]);
  });
  return { room: lux * p.haze * p.ambientLux, bands, face };
}

/** The challenge's colours, linear: an attacker knows them. */
const COLOURS = [[255, 104, 104], [0, 255, 0], [32, 32, 255], [0, 255, 255], [255, 0, 255], [255, 255, 0]].map((c) => c.map((v) => toLinear(v / 255)));

/** Colours of a session at random, without one twice in a row: [{rgb, forward}]. */
function sequence(r, n) {
  const out = [];
  let last = -1;
  while (out.length < n) {
    const k = Math.floor(r.uniform() * COLOURS.length);
    if (k === last) continue;
    last = k;
    out.push({ rgb: COLOURS[k], forward: r.uniform() < 0.5 });
  }
  return out;
}

/** A sequence of another session, for the mode otherseq. */
export function otherSequence(seed) {
  return { segmentMs: 400, wipeMs: 200, segments: sequence(random(seed ^ 0x0be55ed), 10) };
}

/** An earlier session with every colour in it, for the mode splice. */
export function librarySequence(seed) {
  const r = random(seed ^ 0x5911ce);
  for (;;) {
    const segments = sequence(r, 14);
    if (COLOURS.every((c) => segments.some((s) => s.rgb === c))) return { segmentMs: 400, wipeMs: 200, colours: COLOURS, segments };
  }
}
