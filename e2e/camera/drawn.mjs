// A drawn face, for tests of the camera itself and for pictures in the docs:
// nobody's portrait.
import { HEIGHT, WIDTH } from './assets.mjs';
import { ellipsoidMesh } from './head.mjs';

/** Skin-coloured head with eyes, brows, nose and mouth on a plain ground. */
export function drawnPortrait() {
  const rgb = new Uint8Array(WIDTH * HEIGHT * 3);
  const cx = WIDTH / 2, cy = HEIGHT * 0.47, w = WIDTH * 0.4;
  const inside = (x, y, ex, ey, a, b) => ((x - ex) / a) ** 2 + ((y - ey) / b) ** 2 < 1;
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const u = (x - cx) / w, v = (y - cy) / w;
      let c = [120, 130, 140];
      if (v > 0.75) c = [60, 80, 120];
      if (inside(u, v, 0, -0.12, 0.62, 0.84)) c = [50, 38, 32];
      if (inside(u, v, 0, 0, 0.5, 0.68) || (Math.abs(u) < 0.26 && v > 0.3 && v < 0.95)) c = [205, 160, 135];
      for (const s of [-1, 1]) {
        if (inside(u, v, 0.21 * s, -0.27, 0.12, 0.025)) c = [60, 45, 40];
        if (inside(u, v, 0.21 * s, -0.16, 0.09, 0.04)) c = [240, 238, 235];
        if (inside(u, v, 0.21 * s, -0.16, 0.038, 0.038)) c = [60, 40, 30];
      }
      if (inside(u, v, 0, 0.08, 0.07, 0.1)) c = [190, 145, 120];
      if (inside(u, v, 0, 0.33, 0.16, 0.05)) c = [175, 90, 90];
      rgb.set(c, (y * WIDTH + x) * 3);
    }
  }
  const lips = cy + 0.33 * w, mouth = { line: [[cx - 0.14 * w, lips], [cx, lips], [cx + 0.14 * w, lips]], chin: cy + 0.68 * w, eyes: 0.6 * w };
  return { name: 'drawn', rgb, mesh: ellipsoidMesh(cx, cy, w), mouth };
}
