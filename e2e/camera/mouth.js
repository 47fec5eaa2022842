// A mouth that opens. Runs in the page (and in Node for its tests): it travels
// by its own source text.

/**
 * at: mouthOf of mouth.mjs; photo: the person's linear light W·H·3, changed in
 * place; level: the skin's linear level. Returns draw(opening 0 to 1, covered),
 * before each frame.
 */
export function createMouth(at, photo, W, level, seed) {
  let state = (seed * 747796405) >>> 0 || 1;
  const uniform = () => {
    state ^= state << 13; state >>>= 0; state ^= state >>> 17; state ^= state << 5; state >>>= 0;
    return state / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(6.283185307179586 * uniform());
  // Everything that ever changes, as it was: columns below the lips, and under the hand.
  const H = photo.length / (3 * W), { hand } = at;
  const box = {
    x0: Math.max(0, Math.floor(hand.x - hand.rx - 4)), x1: Math.min(W, Math.ceil(hand.x + hand.rx + 4)),
    y0: Math.max(0, Math.floor(Math.min(...at.lip, hand.y - hand.ry) - 4)),
    y1: Math.min(H, Math.ceil(Math.max(...at.lip.map((y, i) => y + at.reach[i]), hand.y + hand.ry) + 4)),
  };
  const BW = box.x1 - box.x0, still = new Float32Array(BW * (box.y1 - box.y0) * 3);
  const rows = (f) => { for (let y = box.y0; y < box.y1; y++) f((y * W + box.x0) * 3, (y - box.y0) * BW * 3); };
  rows((from, to) => still.set(photo.subarray(from, from + BW * 3), to));
  const DARK = [0.1 * level, 0.035 * level, 0.03 * level];

  // The lower lip goes down by d and takes what is below it along, less and less.
  const open = (opening) => {
    at.lip.forEach((lip, i) => {
      const x = at.x0 + i, d = opening * at.travel[i], reach = at.reach[i];
      if (d < 0.02) return;
      for (let y = Math.ceil(lip); y < Math.min(box.y1 - 1, lip + reach); y++) {
        const u = y - lip, gap = d - u;
        const from = lip + (gap > 0 ? 0 : -gap / (1 - d / reach)); // the place of the photo that is here now
        const y0 = Math.floor(from), w = from - y0;
        const j = (y * W + x) * 3, k = ((y0 - box.y0) * BW + x - box.x0) * 3;
        // Dark inside, soft at the lips.
        const hole = Math.max(0, Math.min(1, u / 1.5, gap / 1.5 + 0.5));
        for (let c = 0; c < 3; c++) {
          const flesh = still[k + c] * (1 - w) + still[k + BW * 3 + c] * w;
          photo[j + c] = flesh * (1 - hole) + DARK[c] * hole;
        }
      }
    });
  };
  const cover = () => {
    for (let y = box.y0; y < box.y1; y++)
      for (let x = box.x0; x < box.x1; x++) {
        const r = Math.hypot((x - hand.x) / hand.rx, (y - hand.y) / hand.ry), k = 1 / (1 + Math.exp((r - 1) * hand.rx));
        const shade = level * (1 - 0.25 * r * r), j = (y * W + x) * 3;
        for (let c = 0; c < 3; c++) photo[j + c] = photo[j + c] * (1 - k) + shade * [1.05, 0.8, 0.7][c] * k;
      }
  };
  return {
    draw(opening, covered) {
      rows((to, from) => photo.set(still.subarray(from, from + BW * 3), to));
      // No lips are ever still: 0.15 pixels.
      const widest = Math.max(...at.travel, 1e-6);
      if (opening > 0) open(Math.max(0, opening + (0.15 * normal()) / widest));
      if (covered) cover();
    },
  };
}
