// Frames of the test camera. Runs in the page (and in Node for its tests), so
// each function is self-contained: it travels by its own source text.

/**
 * assets as made by assets.mjs pack(); decode turns base64 into an ArrayBuffer.
 * Returns {fg, bg, photo, light, render, film, show}; times in ms.
 */
export function createRenderer(assets, decode) {
  const { p, width: W, height: H, step, bands: B } = assets;
  const LW = W / step, LH = H / step, N = LW * LH;
  const u16 = (s, scale) => Float32Array.from(new Uint16Array(decode(s)), (v) => v * scale);
  const fgLin = u16(assets.fg, assets.fgScale), bgLin = u16(assets.bg, assets.bgScale);
  const gain = u16(assets.gain, assets.gainScale);
  const alpha = new Uint8Array(decode(assets.alpha)), mask = new Uint8Array(decode(assets.mask));
  const fg = new Uint8ClampedArray(W * H * 4), bg = new Uint8ClampedArray((W * H) / 4 * 4);
  for (let i = 0; i < alpha.length; i++) fg[i * 4 + 3] = alpha[i];
  for (let i = 3; i < bg.length; i += 4) bg[i] = 255;

  // Its own generator: a page's Math.random has no seed.
  let state = (p.seed * 2654435761) >>> 0 || 1;
  const uniform = () => {
    state ^= state << 13; state >>>= 0; state ^= state >>> 17; state ^= state << 5; state >>>= 0;
    return state / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(6.283185307179586 * uniform());

  // Noise in display levels: shot noise is nearly constant after the sRGB curve.
  const sigma = Math.min(3, 1.0 * Math.sqrt(300 / Math.max(60, p.ambientLux)));
  const noise = new Float32Array(1 << 16).map(() => sigma * normal());
  const TABLE = 4096;
  const table = new Float32Array(TABLE + 1).map((_, i) => {
    const v = i / TABLE;
    let s = v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055;
    s += p.curve * s * (1 - s) * (2 * s - 1);
    return 255 * s;
  });

  // The lit rectangle of the person, so that the empty rest costs nothing.
  const spans = new Int32Array(H * 2);
  for (let y = 0; y < H; y++) {
    let a = W, b = 0;
    for (let x = 0; x < W; x++) if (alpha[y * W + x] > 2) { if (x < a) a = x; b = x + 1; }
    spans[y * 2] = a; spans[y * 2 + 1] = b;
  }
  const maskAt = [];
  for (let i = 0; i < N; i++) if (mask[i]) maskAt.push(i);

  // What the screen shows: history of [time, bands·3 linear values].
  const history = [];
  const IDLE = 0.02; // glow of a black screen
  const shown = (t) => {
    for (let i = history.length - 1; i >= 0; i--) if (history[i][0] <= t) return history[i][1];
    return history.length ? history[0][1] : new Float32Array(B * 3).fill(0.5);
  };
  // Mean of a light while the shutter was open, in nits.
  const exposed = (light, t) => {
    const out = new Float32Array(B * 3);
    for (const back of [0, 0.5, 1]) {
      const s = light(t - back * p.exposureMs);
      for (let i = 0; i < out.length; i++) out[i] += (p.nits * (IDLE + (1 - IDLE) * 0.88 * s[i])) / 3;
    }
    return out;
  };

  const G = [0, 1, 2].map(() => new Float32Array(N));
  const scale = new Float32Array([1, 1, 1]);
  let reference = null, last = -1;
  const drift = { x: 0, y: 0, s: 0, r: 0 };

  // Exposure and white balance follow the picture slowly, and only in part.
  const adapt = (t, level) => {
    if (!reference) {
      reference = Float32Array.from(level);
      const m = (level[0] + level[1] + level[2]) / 3;
      scale.fill(1 / m);
      last = t;
      return;
    }
    const dt = Math.min(0.2, Math.max(0, (t - last) / 1000));
    last = t;
    const now = level.reduce((a, v) => a + v, 0), ref = reference.reduce((a, v) => a + v, 0);
    const wantE = (ref / now) ** p.ae;
    for (let c = 0; c < 3; c++) {
      const cast = (level[c] / now) / (reference[c] / ref);
      const want = ((3 / ref) * wantE) * cast ** -p.awb;
      scale[c] += (want - scale[c]) * (1 - Math.exp(-dt / (c === 1 ? p.aeTau : Math.min(p.aeTau, p.awbTau))));
    }
    // A small Ornstein–Uhlenbeck walk of the head: pixels, scale, radians.
    const k = Math.exp(-dt / 0.8), q = Math.sqrt(1 - k * k) * p.motion;
    drift.x = drift.x * k + 2.2 * q * normal();
    drift.y = drift.y * k + 1.6 * q * normal();
    drift.s = drift.s * k + 0.004 * q * normal();
    drift.r = drift.r * k + 0.006 * q * normal();
  };

  const room = new Float32Array(3);
  // What the glass of another screen lays over everything.
  const glass = assets.veil && u16(assets.veil.bands, assets.veil.scale);
  const veil = glass && [0, 1, 2].map(() => new Float32Array(N));
  const lightGlass = (L) => {
    veil.forEach((v, c) => {
      v.fill(assets.veil.room);
      for (let b = 0; b < B; b++) for (let i = 0, l = L[b * 3 + c], o = b * N; i < N; i++) v[i] += glass[o + i] * l;
    });
  };
  const lightGrid = (L) => {
    for (let c = 0; c < 3; c++) {
      const g = G[c];
      const l0 = L[c], l1 = L[3 + c], l2 = L[6 + c], l3 = L[9 + c], l4 = L[12 + c], l5 = L[15 + c], l6 = L[18 + c], l7 = L[21 + c];
      const o = c * N, s = 3 * N;
      for (let i = 0; i < N; i++) {
        const j = o + i;
        g[i] = 1 + gain[j] * l0 + gain[j + s] * l1 + gain[j + 2 * s] * l2 + gain[j + 3 * s] * l3 +
          gain[j + 4 * s] * l4 + gain[j + 5 * s] * l5 + gain[j + 6 * s] * l6 + gain[j + 7 * s] * l7;
      }
      let r = 1;
      for (let b = 0; b < B; b++) r += assets.bgGain[b] * L[b * 3 + c];
      room[c] = r;
    }
    if (veil) lightGlass(L);
  };

  const drawRoom = (scale) => {
    const k = room.map((r, c) => r * scale[c] * TABLE);
    let n = (uniform() * 65536) | 0;
    for (let i = 0, j = 0; j < bg.length; i += 3, j += 4) {
      const at = veil ? ((2 * ((j >> 2) / (W / 2) | 0) / step) | 0) * LW + ((2 * ((j >> 2) % (W / 2)) / step) | 0) : 0;
      for (let c = 0; c < 3; c++) {
        let v = bgLin[i + c] * k[c];
        if (veil) v += veil[c][at] * scale[c] * TABLE;
        bg[j + c] = table[v < TABLE ? v | 0 : TABLE] + noise[n = (n + 1) & 65535];
      }
    }
  };

  const row = new Float32Array((LW + 1) * 3), over = new Float32Array((LW + 1) * 3);
  const level = (out, plane, c, k, y0, y1, wy) => {
    for (let x = 0; x < LW; x++) out[x * 3 + c] = (plane[y0 * LW + x] * (1 - wy) + plane[y1 * LW + x] * wy) * k;
    out[LW * 3 + c] = out[(LW - 1) * 3 + c];
  };
  const drawPerson = (scale) => {
    for (let y = 0; y < H; y++) {
      const from = spans[y * 2], to = spans[y * 2 + 1];
      if (to <= from) continue;
      const fy = Math.min(LH - 1, Math.max(0, (y + 0.5) / step - 0.5)), y0 = fy | 0, wy = fy - y0, y1 = Math.min(LH - 1, y0 + 1);
      for (let c = 0; c < 3; c++) {
        level(row, G[c], c, scale[c] * TABLE, y0, y1, wy);
        if (veil) level(over, veil[c], c, scale[c] * TABLE, y0, y1, wy);
      }
      let n = (uniform() * 65536) | 0;
      for (let x = from; x < to; x++) {
        let fx = (x + 0.5) / step - 0.5;
        if (fx < 0) fx = 0;
        const x0 = fx | 0, wx = fx - x0, q = x0 * 3, i = (y * W + x) * 3, j = (y * W + x) * 4;
        let r = fgLin[i] * (row[q] + (row[q + 3] - row[q]) * wx);
        let g = fgLin[i + 1] * (row[q + 1] + (row[q + 4] - row[q + 1]) * wx);
        let b = fgLin[i + 2] * (row[q + 2] + (row[q + 5] - row[q + 2]) * wx);
        if (veil) { r += over[q]; g += over[q + 1]; b += over[q + 2]; }
        fg[j] = table[r < TABLE ? r | 0 : TABLE] + noise[n];
        fg[j + 1] = table[g < TABLE ? g | 0 : TABLE] + noise[(n + 21841) & 65535];
        fg[j + 2] = table[b < TABLE ? b | 0 : TABLE] + noise[(n + 43691) & 65535];
        n = (n + 1) & 65535;
      }
    }
  };

  // Lights the scene and lets the camera follow: everything of a frame but its pixels.
  const follow = (t, L) => {
    lightGrid(L);
    const now = [0, 0, 0];
    for (let c = 0; c < 3; c++) {
      for (const i of maskAt) now[c] += G[c][i] + (veil ? veil[c][i] / assets.veil.face[c] : 0);
      now[c] /= maskAt.length;
    }
    adapt(t, now);
  };
  const draw = (scale) => {
    drawRoom(scale);
    drawPerson(scale);
  };
  const still = new Float32Array(B * 3).fill(p.nits * 0.5);

  return {
    fg, bg,
    /** The person's linear light, which may change between frames (mouth.js). */
    photo: fgLin,
    /** Notes what the screen shows from time t on: Float32Array bands·3, linear 0 to 1. */
    light(t, bands) {
      history.push([t, bands]);
      if (history.length > 400) history.shift();
    },
    /** Draws the frame of time t into fg and bg; returns the head's motion. */
    render(t) {
      follow(t, p.mode === 'static' ? still : exposed((s) => shown(s - p.latencyMs), t));
      draw(scale);
      return drift;
    },
    /** Films a session under light(t) without drawing it: a state for each frame. */
    film(light, from, to) {
      const out = [];
      for (let t = from; t < to; t += 1000 / p.fps) {
        const L = exposed(light, t);
        follow(t, L);
        out.push({ t, L, scale: scale.slice(), drift: { ...drift } });
      }
      return out;
    },
    /** Draws a state that film gave; returns the head's motion. */
    show(state) {
      lightGrid(state.L);
      draw(state.scale);
      return state.drift;
    },
  };
}

/**
 * Another session's light in the mode otherseq: from the moment the page shows
 * its first colour, a stored sequence is answered instead, in step with the
 * page's own segments (the best a replay can do), from its start again when the
 * page shows more.
 */
export function createReplay(other, bands) {
  let start = -1, quiet = 0;
  const chroma = (s) => {
    let m = 0;
    for (let b = 0; b < bands; b++) m = Math.max(m, Math.max(s[b * 3], s[b * 3 + 1], s[b * 3 + 2]) - Math.min(s[b * 3], s[b * 3 + 1], s[b * 3 + 2]));
    return m;
  };
  return (t, shown) => {
    const coloured = chroma(shown) > 0.1;
    if (start < 0 && coloured) start = t;
    if (start < 0) return shown;
    const k = Math.floor((t - start) / other.segmentMs), n = other.segments.length;
    if (k >= n) {
      // Ready for the next attempt once the page has been neutral for a while.
      quiet = coloured ? 0 : quiet + 1;
      if (quiet > 20) { start = -1; quiet = 0; }
      if (!coloured) return shown;
    }
    const at = Math.min(1, (t - start - k * other.segmentMs) / other.wipeMs);
    const now = other.segments[k % n], before = k > 0 ? other.segments[(k - 1) % n].rgb : [0.58, 0.58, 0.58];
    const out = new Float32Array(bands * 3);
    for (let b = 0; b < bands; b++) {
      const u = (b + 0.5) / bands, done = (now.forward ? u : 1 - u) <= at;
      for (let c = 0; c < 3; c++) out[b * 3 + c] = done ? now.rgb[c] : before[c];
    }
    return out;
  };
}
