// Builds what the test camera needs for one session: the photo's linear light,
// the response of every place to each band of the screen, and the room behind.
import { glassVeil, librarySequence, otherSequence, PAPER, paperLight, SHEETS, tintLight } from './attacks.mjs';
import { HEIGHT, LH, LW, mean, OUT, reduce, STEP, WIDTH } from './grid.mjs';
import { BANDS, patches, toLinear, transfer } from './light.mjs';
import { depthMap, faceMask, measure, normals, shading, silhouette } from './head.mjs';
import { mouthOf } from './mouth.mjs';
import { random } from './random.mjs';
import { room } from './room.mjs';

export { HEIGHT, LH, LW, OUT, STEP, WIDTH } from './grid.mjs';

export const MODES = ['live', 'reading', 'static', 'otherseq', 'splice', 'flat', 'tint_face', 'screen', ...PAPER];

// Reflectance of the skin (R, G, B), type III on Fitzpatrick's scale; only the
// specular share depends on it.
const SKIN = [0.42, 0.26, 0.18];

/**
 * Draws a session's parameters from its seed, inside the ranges of the
 * simulator (docs/protocol.md names the challenge); given members win.
 */
export function parameters(given = {}) {
  const seed = given.seed ?? 1;
  const r = random(seed);
  const screen = given.screen ?? 'phone';
  const phone = screen === 'phone';
  const log = (lo, hi) => lo * (hi / lo) ** r.uniform();
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
    tiltX: 6 * r.normal(), tiltY: 6 * r.normal(), // of a print or another screen, degrees
    paper: r.range(0.03, 0.06), // black of a print
    face: 0.27, // linear level of the face that exposure aims at
    radiusCm: r.range(7.5, 14), // of bent paper
    gloss: r.range(0.005, 0.05), glossExp: r.range(10, 60), // lobe of paper; its exponent is a glass's too
    directed: r.range(0.2, 0.8), lightFrom: unit([r.range(-1, 1), -r.range(0.1, 1.2), r.range(0.1, 1)]), // of the room's light on paper
    emissionNits: log(25, 300), // white of another screen
    haze: log(0.004, 0.03), mirror: log(0.002, 0.015), // of its glass: diffuse reflectance, strength of the lobe
  };
  const out = { ...drawn, ...given };
  if (!MODES.includes(out.mode)) throw new Error(`camera: unknown mode ${out.mode}`);
  if (out.reads || out.mode === 'reading') out.reads = reading(seed, out.reads);
  return out;
}

/** How digits are read aloud; see talker.js and microphone.js. Any mode may read; the mode reading is live. */
function reading(seed, given = {}) {
  const r = random(seed + 0x5eed);
  let next = 400;
  const earlier = Array.from({ length: 6 }, () => {
    const word = { digit: Math.floor(10 * r.uniform()), at: next };
    next += r.range(900, 1600);
    return word;
  });
  const drawn = {
    seed,
    voice: 'mei', lang: 'zh', mouthVoice: '', // whose words move the mouth; '': the voice's own
    says: 'shown', // or others: a wrong digit each time; earlier: the recording of an earlier session
    mouth: 'moves', // or still, or covered by a hand from the first digit on
    sound: 'on', // or muted: the room only; silent: zeros; refused, missing: no microphone
    leadMs: 40, soundLateMs: 0, // the mouth before the sound; the sound after the mouth
    reactionMs: [380, 620], // from a digit on the page to its sound
    noiseDb: -62, // of the room, dBFS
    earlier,
  };
  const out = { ...drawn, ...given };
  for (const [k, words] of Object.entries({ says: ['shown', 'others', 'earlier'], mouth: ['moves', 'still', 'covered'], sound: ['on', 'muted', 'silent', 'refused', 'missing'] }))
    if (!words.includes(out[k])) throw new Error(`camera: unknown ${k} ${out[k]}`);
  return out;
}

/**
 * portrait: {rgb: Uint8 WIDTH·HEIGHT·3, mesh: [[x, y, z]] in picture pixels}.
 * Returns plain arrays for the page; see renderer.js for how they are used.
 *   fg      linear light of the person under the room's light, times 1
 *   alpha   opacity of the person, 0 to 255; all 255 for a sheet
 *   bg      linear light of the room at half size
 *   gain    [band][channel] planes LW·LH: what 1 nit adds, relative to the room's light
 *   bgGain  [band] the same for the room, one number
 *   veil    of another screen: what its glass adds (attacks.mjs), or undefined
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
  return { p, fg, bg, mask, mouth: p.reads ? mouthOf(portrait) : null, ...stand(p, portrait.mesh, mask, fg, bg, opacity, low), alpha: Uint8Array.from(opacity, (v) => Math.round(255 * v)) };
}

/**
 * What stands before the camera: {gain, bgGain, veil}. Paper and another screen
 * change fg, bg and opacity in place.
 */
function stand(p, mesh, mask, fg, bg, opacity, low) {
  if (PAPER.includes(p.mode)) return { gain: paperLight(p, mesh, mask, fg, bg, opacity, SKIN[1]), bgGain: wall(p, patches(p.screen)) };
  if (p.mode === 'flat' || p.mode === 'tint_face') return tintLight(p, mesh);
  if (p.mode === 'screen') {
    const none = new Float32Array(LW * LH);
    return { gain: Array(BANDS).fill([none, none, none]), bgGain: Array(BANDS).fill(0), veil: glassVeil(p, mesh, mask, fg, bg, opacity) };
  }
  return headLight(p, mesh, low, mask, measure(mesh).cm);
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

const unit = (v) => v.map((x) => x / Math.hypot(...v));

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
    veil: assets.veil ? packVeil(assets.veil) : null,
    sheet: SHEETS.includes(p.mode), mouth: assets.mouth,
    other: p.mode === 'otherseq' ? otherSequence(p.seed) : null,
    library: p.mode === 'splice' ? librarySequence(p.seed) : null,
  };
}

function packVeil({ room, bands, face }) {
  const max = bands.reduce((m, b) => b.reduce((n, v) => Math.max(n, v), m), 1e-12);
  const all = new Uint16Array(BANDS * LW * LH);
  bands.forEach((band, b) => all.set(band.map((v) => (v * 65535) / max), b * LW * LH));
  return { room, face, bands: encode(all), scale: max / 65535 };
}
