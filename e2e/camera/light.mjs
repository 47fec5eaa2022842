// The screen as an area light, in the camera's coordinates.
//
// Lengths are centimetres: x right and y down in the (unmirrored) picture, z
// towards the camera, the camera at the origin. The screen lies in the plane
// z = 0; a point of the face at distance w has z = -w. Luminances are nits,
// so that Σ_b T_b·L_b is an illuminance in lux.

export const BANDS = 8;

/** sRGB (0 to 1) to linear light. */
export const toLinear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);

/** Screens: size and the gap between the camera and the edge of the screen. */
export const SCREENS = {
  // A phone held upright, camera above the display; bands from top to bottom.
  phone: { width: 6.8, height: 14.5, gap: 0.6, long: 'y' },
  // A laptop; bands from the viewer's left to right.
  laptop: { width: 31, height: 17.5, gap: 1, long: 'x' },
};

/** Patches of the screen with their band: [{x, y, area, band}]. */
export function patches(screen) {
  const s = SCREENS[screen];
  const along = 2, across = screen === 'phone' ? 3 : 4;
  const out = [];
  const n = BANDS * along;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < across; j++) {
      const u = (i + 0.5) / n, v = (j + 0.5) / across;
      const area = (s.width * s.height) / (n * across);
      const band = Math.floor(i / along);
      // The viewer's left is the picture's right: the camera looks back at the viewer.
      const x = s.long === 'x' ? s.width * (0.5 - u) : s.width * (0.5 - v);
      const y = s.gap + s.height * (s.long === 'x' ? v : u);
      out.push({ x, y, area, band });
    }
  }
  return out;
}

const SHININESS = 18; // of skin

/**
 * Irradiance at one surface element for each band, per nit: the diffuse part T
 * and the specular part S as seen by the camera (multiply S by π/albedo to
 * compare it with T), whose lobe has the strength ks and an exponent. n is a
 * unit normal with n.z towards the camera.
 */
export function transfer(patchList, p, n, ks, T, S, exponent = SHININESS) {
  T.fill(0);
  S.fill(0);
  const w = -p.z;
  // Towards the camera, for the half vector.
  const vl = Math.hypot(p.x, p.y, w);
  const vx = -p.x / vl, vy = -p.y / vl, vz = w / vl;
  for (const q of patchList) {
    const lx = q.x - p.x, ly = q.y - p.y;
    const r2 = lx * lx + ly * ly + w * w, r = Math.sqrt(r2);
    const nl = (n.x * lx + n.y * ly + n.z * w) / r;
    if (nl <= 0) continue;
    const e = (q.area * (w / r) * nl) / r2;
    T[q.band] += e;
    if (ks > 0) {
      const hx = lx / r + vx, hy = ly / r + vy, hz = w / r + vz;
      const nh = (n.x * hx + n.y * hy + n.z * hz) / Math.hypot(hx, hy, hz);
      if (nh > 0) S[q.band] += ((ks * (exponent + 2)) / (8 * Math.PI)) * e * nh ** exponent;
    }
  }
}
