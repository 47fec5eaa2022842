// The sizes that everything is computed at, and sums over them.

export const WIDTH = 360, HEIGHT = 480; // what is computed; the camera gives it enlarged by OUT
export const OUT = 4 / 3;
export const STEP = 3; // the light is smooth: its grid is coarser
export const LW = WIDTH / STEP, LH = HEIGHT / STEP;

/** Means of STEP×STEP blocks: linear planes and luminance. */
export function reduce(fg) {
  const rgb = [0, 1, 2].map(() => new Float32Array(LW * LH)), lum = new Float32Array(LW * LH);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++) {
      const i = (y * WIDTH + x) * 3, j = ((y / STEP) | 0) * LW + ((x / STEP) | 0);
      for (let c = 0; c < 3; c++) rgb[c][j] += fg[i + c] / (STEP * STEP);
    }
  for (let j = 0; j < lum.length; j++) lum[j] = 0.2126 * rgb[0][j] + 0.7152 * rgb[1][j] + 0.0722 * rgb[2][j];
  return { rgb, lum };
}

/** Mean over a mask of the grid. */
export function mean(v, mask) {
  let s = 0, n = 0;
  for (let i = 0; i < v.length; i++) if (mask[i]) { s += v[i]; n++; }
  return s / Math.max(1, n);
}

/** A plane of the grid at a pixel, interpolated. */
export function sample(plane, x, y) {
  const clamp = (v, n) => Math.min(n - 1.001, Math.max(0, (v + 0.5) / STEP - 0.5));
  const fx = clamp(x, LW), fy = clamp(y, LH), i = (fy | 0) * LW + (fx | 0), ax = fx % 1, ay = fy % 1;
  return (plane[i] * (1 - ax) + plane[i + 1] * ax) * (1 - ay) + (plane[i + LW] * (1 - ax) + plane[i + LW + 1] * ax) * ay;
}
