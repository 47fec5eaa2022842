// The shape of a head in a picture: depth and normals from face landmarks with
// depth, and the shading that the room's light left in the photo.

/** Width of a face between the ears' fronts, the scale of everything (cm). */
export const FACE_CM = 14.2;

/** Facts of the mesh the rest needs, in picture pixels. points: [[x, y, z]]. */
export function measure(points) {
  let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
  for (const [x, y] of points) {
    x0 = Math.min(x0, x); x1 = Math.max(x1, x);
    y0 = Math.min(y0, y); y1 = Math.max(y1, y);
  }
  const width = x1 - x0, height = y1 - y0;
  return { x0, x1, y0, y1, cx: (x0 + x1) / 2, cy: (y0 + y1) / 2, width, height, cm: FACE_CM / width };
}

/** Landmarks of a plausible head for when no mesh is at hand: an ellipsoid with a nose. */
export function ellipsoidMesh(cx, cy, width) {
  const pts = [];
  const a = width / 2, b = width * 0.68, c = width * 0.42;
  for (let v = -1; v <= 1.001; v += 0.09) {
    for (let u = -1; u <= 1.001; u += 0.09) {
      const r2 = u * u + v * v;
      if (r2 > 1) continue;
      const nose = 0.16 * width * Math.exp(-((u / 0.14) ** 2) - (((v - 0.15) / 0.28) ** 2));
      pts.push([cx + u * a, cy + v * b, -(c * Math.sqrt(1 - r2) + nose)]);
    }
  }
  return pts;
}

/**
 * Depth map (cm, larger is nearer, 0 at the ears) on a w×h grid of a picture
 * whose pixels are `step` times smaller. Inside the face it follows the mesh;
 * outside it goes over into an ellipsoid head on a torso.
 */
export function depthMap(points, w, h, step, depthScale = 1) {
  const m = measure(points);
  const cm = m.cm * step; // per grid pixel
  const gx = m.cx / step, gy = m.cy / step;
  const a = (m.width * 0.6) / step, b = (m.height * 0.82) / step, c = 9.5; // c in cm
  const zEar = points.reduce((s, p) => Math.max(s, p[2]), -Infinity);
  const ellipsoid = (x, y) => {
    const r2 = ((x - gx) / a) ** 2 + ((y - (gy - 0.12 * b)) / b) ** 2;
    return r2 < 1 ? c * Math.sqrt(1 - r2) - 1.5 : -1.5 - 6 * Math.min(1, r2 - 1);
  };
  const torso = (x, y) => {
    const below = (y - (gy + b * 0.62)) * cm; // cm under the chin
    const side = ((x - gx) * cm) / 20;
    return -4 + Math.min(3, below * 0.25) - 6 * side * side;
  };
  const base = (x, y) => {
    const e = ellipsoid(x, y), t = torso(x, y), k = 1.2; // a soft maximum, k in cm
    return k * Math.log(Math.exp(e / k) + Math.exp(t / k));
  };
  const px = points.map(([x, y, z]) => {
    const u = x / step, v = y / step;
    return [u, v, (zEar - z) * m.cm * depthScale - base(u, v)];
  });
  const z = new Float32Array(w * h);
  const sigma = Math.max(1.2, (0.045 * m.width) / step), s2 = 2 * sigma * sigma, reach = 4 * sigma;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let sw = 0.02, sr = 0; // the prior pulls the residual to 0 away from the mesh
      for (const p of px) {
        const dx = p[0] - x, dy = p[1] - y;
        if (dx > reach || dx < -reach || dy > reach || dy < -reach) continue;
        const k = Math.exp(-(dx * dx + dy * dy) / s2);
        sw += k;
        sr += k * p[2];
      }
      z[y * w + x] = base(x, y) + sr / sw;
    }
  }
  return blur(z, w, h, 1);
}

/** Gaussian blur of a w×h plane with reflection at the borders. */
export function blur(src, w, h, sigma) {
  const r = Math.ceil(3 * sigma), k = [];
  let sum = 0;
  for (let i = -r; i <= r; i++) sum += k[i + r] = Math.exp(-(i * i) / (2 * sigma * sigma));
  const pass = (from, stride, n, other, otherStride) => {
    const to = new Float32Array(from.length);
    for (let o = 0; o < other; o++) {
      for (let i = 0; i < n; i++) {
        let s = 0;
        for (let j = -r; j <= r; j++) {
          let q = i + j;
          if (q < 0) q = -q - 1;
          if (q >= n) q = 2 * n - q - 1;
          s += k[j + r] * from[o * otherStride + Math.min(n - 1, Math.max(0, q)) * stride];
        }
        to[o * otherStride + i * stride] = s / sum;
      }
    }
    return to;
  };
  return pass(pass(src, 1, w, h, w), w, h, w, 1);
}

/** Unit normals of a depth map in cm whose pixels are `cm` wide: three planes. */
export function normals(z, w, h, cm) {
  const nx = new Float32Array(w * h), ny = new Float32Array(w * h), nz = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const x0 = Math.max(0, x - 1), x1 = Math.min(w - 1, x + 1);
      const y0 = Math.max(0, y - 1), y1 = Math.min(h - 1, y + 1);
      const dx = (z[y * w + x1] - z[y * w + x0]) / ((x1 - x0) * cm);
      const dy = (z[y1 * w + x] - z[y0 * w + x]) / ((y1 - y0) * cm);
      const l = Math.hypot(dx, dy, 1), i = y * w + x;
      nx[i] = -dx / l; ny[i] = -dy / l; nz[i] = 1 / l;
    }
  }
  return { nx, ny, nz };
}

/**
 * First-order shading left in a photo: luminance ≈ albedo · exp(a·nx + b·ny),
 * fitted robustly over the face. Returns the shading plane with mean 1 there.
 */
export function shading(lum, face, n) {
  let keep = face.slice();
  let sol = [0, 0, 0];
  for (let round = 0; round < 4; round++) {
    const A = [[1e-6, 0, 0], [0, 1e-6, 0], [0, 0, 1e-6]], y = [0, 0, 0];
    for (let i = 0; i < lum.length; i++) {
      if (!keep[i]) continue;
      const v = [1, n.nx[i], n.ny[i]], t = Math.log(Math.max(1e-3, lum[i]));
      for (let r = 0; r < 3; r++) {
        y[r] += v[r] * t;
        for (let c = 0; c < 3; c++) A[r][c] += v[r] * v[c];
      }
    }
    sol = solve3(A, y);
    keep = face.map((f, i) => {
      if (!f) return 0;
      const e = Math.log(Math.max(1e-3, lum[i])) - sol[0] - sol[1] * n.nx[i] - sol[2] * n.ny[i];
      return e > -0.35 && e < 0.5 ? 1 : 0; // eyes, brows and nostrils are not shading
    });
  }
  const s = new Float32Array(lum.length);
  let mean = 0, count = 0;
  for (let i = 0; i < s.length; i++) {
    s[i] = Math.min(2.2, Math.max(0.45, Math.exp(sol[1] * n.nx[i] + sol[2] * n.ny[i])));
    if (face[i]) { mean += s[i]; count++; }
  }
  mean /= Math.max(1, count);
  for (let i = 0; i < s.length; i++) s[i] /= mean;
  return s;
}

/** Cramer's rule for a symmetric 3×3 system. */
export function solve3(A, y) {
  const det = (m) =>
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
    m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
    m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
  const d = det(A);
  return [0, 1, 2].map((k) => det(A.map((row, r) => row.map((v, c) => (c === k ? y[r] : v)))) / d);
}

/** Mask of the face's own ellipse on the grid (the skin that the flash test reads). */
export function faceMask(points, w, h, step) {
  const m = measure(points), out = new Uint8Array(w * h);
  const gx = m.cx / step, gy = m.cy / step, a = (m.width * 0.46) / step, b = (m.height * 0.46) / step;
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) out[y * w + x] = ((x - gx) / a) ** 2 + ((y - gy) / b) ** 2 < 1 ? 1 : 0;
  return out;
}

/**
 * Opacity of the person (0 to 1) at full resolution: head with hair, neck and
 * shoulders, with a soft edge. The photo's own surroundings (windows, other
 * people) are cut away; a room that answers the light by its own distance
 * takes their place.
 */
export function silhouette(points, w, h) {
  const m = measure(points), out = new Float32Array(w * h);
  const a = m.width * 0.66, b = m.height * 0.8, cy = m.cy - 0.14 * m.height;
  const soft = 0.035 * m.width;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const r = Math.hypot((x - m.cx) / a, (y - cy) / b);
      const head = (1 - r) * Math.min(a, b); // pixels inside, about
      // Neck, then shoulders that slope outwards.
      const down = y - m.y1;
      const half = down < 0 ? m.width * 0.42 : m.width * 0.42 + Math.max(0, down - 0.12 * m.height) * 2.6;
      const body = Math.min(half - Math.abs(x - m.cx), y - (m.cy + 0.2 * m.height));
      const inside = Math.max(head, body);
      out[y * w + x] = 1 / (1 + Math.exp(-inside / soft));
    }
  }
  return out;
}
