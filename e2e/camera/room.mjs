// A room behind the person: a wall, some furniture, out of focus. Procedural,
// so that it depends on the seed only.
import { random } from './random.mjs';
import { blur } from './head.mjs';

/** Linear RGB planes interleaved (w·h·3), mean about 0.18. */
export function room(w, h, seed) {
  const r = random(seed ^ 0x51ed27);
  const wall = [r.range(0.14, 0.3), 0, 0];
  wall[1] = wall[0] * r.range(0.88, 1.02);
  wall[2] = wall[1] * r.range(0.75, 1.05);
  const planes = [0, 1, 2].map(() => new Float32Array(w * h));
  const slope = r.range(-0.35, 0.35);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let c = 0; c < 3; c++) planes[c][y * w + x] = wall[c] * (1 + slope * (x / w - 0.5) + 0.15 * (0.5 - y / h));
  for (let k = 0; k < 9; k++) {
    const x0 = Math.floor(r.range(-0.2, 0.9) * w), y0 = Math.floor(r.range(-0.1, 0.9) * h);
    const x1 = x0 + Math.floor(r.range(0.08, 0.5) * w), y1 = y0 + Math.floor(r.range(0.06, 0.5) * h);
    const col = [0, 1, 2].map(() => r.range(0.04, 0.38));
    const grey = r.range(0.3, 0.8), mean = (col[0] + col[1] + col[2]) / 3;
    for (let y = Math.max(0, y0); y < Math.min(h, y1); y++)
      for (let x = Math.max(0, x0); x < Math.min(w, x1); x++)
        for (let c = 0; c < 3; c++) planes[c][y * w + x] = col[c] * (1 - grey) + mean * grey;
  }
  const out = new Float32Array(w * h * 3);
  planes.forEach((p, c) => {
    const b = blur(p, w, h, w * 0.012);
    for (let i = 0; i < b.length; i++) out[i * 3 + c] = b[i];
  });
  return out;
}
