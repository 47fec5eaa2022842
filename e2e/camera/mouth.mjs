// Where the mouth is in a portrait, for camera/mouth.js to open it.
import { HEIGHT, WIDTH } from './grid.mjs';

// Inner lips of the face mesh from the person's right to left, upper and lower.
const UPPER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308];
const LOWER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308];
const EYES = [33, 263], CHIN = 152;

/** How far an open mouth moves the lower lip, in distances between the eyes' outer corners. */
const WIDE = 0.22;

/** A mouth in picture pixels: its line from corner to corner, chin and eyes. Portraits without a mesh bring their own. */
export function landmarks({ mesh, mouth }) {
  if (mouth) return mouth;
  if (mesh.length !== 468) throw new Error('camera: no lips in this mesh');
  const line = UPPER.map((u, i) => [0, 1].map((c) => (mesh[u][c] + mesh[LOWER[i]][c]) / 2));
  const eyes = Math.hypot(mesh[EYES[0]][0] - mesh[EYES[1]][0], mesh[EYES[0]][1] - mesh[EYES[1]][1]);
  return { line: line.sort((a, b) => a[0] - b[0]), chin: mesh[CHIN][1], eyes };
}

/**
 * What the page needs: for each column from x0 on the height of the lips' line,
 * how far the lower lip goes and how deep the movement reaches, all in pixels;
 * and the ellipse that a hand before the mouth covers.
 */
export function mouthOf(portrait) {
  const { line, chin, eyes } = landmarks(portrait);
  const [left, right] = [line[0], line.at(-1)], middle = (left[0] + right[0]) / 2, half = (right[0] - left[0]) / 2;
  const clampX = (x) => Math.min(WIDTH - 1, Math.max(0, x));
  const x0 = clampX(Math.ceil(left[0])), x1 = clampX(Math.floor(right[0]));
  const lip = [], travel = [], reach = [];
  for (let x = x0; x <= x1; x++) {
    const k = Math.max(1, line.findIndex((p) => p[0] >= x)), [a, b] = [line[k - 1], line[k]];
    lip.push(a[1] + ((b[1] - a[1]) * (x - a[0])) / Math.max(1e-6, b[0] - a[0]));
    travel.push(WIDE * eyes * Math.max(0, 1 - ((x - middle) / half) ** 2));
    reach.push(Math.min(HEIGHT - 2 - lip.at(-1), 1.2 * (chin - lip.at(-1))));
  }
  const y = line.reduce((s, p) => s + p[1], 0) / line.length;
  return { x0, lip, travel, reach, hand: { x: middle, y: (y + chin) / 2 - 0.05 * eyes, rx: 0.5 * eyes, ry: 0.42 * eyes } };
}
