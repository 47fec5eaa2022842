// Who reads the digits aloud, and when. Runs in the page (and in Node for its
// tests): it travels by its own source text.

/**
 * reads: the parameters of assets.mjs; mouths: [{opening, openingFromMs}] and ms:
 * [length] of each digit, of the mouth's and of the sound's talker. All times are
 * of performance.now(). Returns {see(t, cue), due(t), opening(t), covered(t)}.
 */
export function createTalker(reads, mouths, ms, stepMs) {
  let state = (reads.seed * 2891336453) >>> 0 || 1;
  const uniform = () => {
    state ^= state << 13; state >>>= 0; state ^= state >>> 17; state ^= state << 5; state >>>= 0;
    return state / 4294967296;
  };
  let words = [], key = null, seenAt = -Infinity, started = -Infinity;
  const plan = (digit, at) => {
    const late = reads.soundLateMs;
    words.push({ digit, soundAt: at + Math.max(0, late), mouthAt: at + Math.max(0, -late) - reads.leadMs, said: false });
    if (words.length > 64) words.shift();
  };
  const answer = (t, digits) => {
    let at = t + reads.reactionMs[0] + (reads.reactionMs[1] - reads.reactionMs[0]) * uniform();
    for (const ch of digits) {
      const shown = Number(ch), digit = reads.says === 'others' ? (shown + 1 + Math.floor(9 * uniform())) % 10 : shown;
      plan(digit, at);
      at += ms[digit] + 80 + 120 * uniform(); // where several are shown at once
    }
  };
  return {
    /** What the page asks for at t: {key, digits}, or null. A key is answered once. */
    see(t, cue) {
      const again = t - seenAt > 1500; // another attempt: within one there is always something to read
      if (!cue) return;
      seenAt = t;
      if (again) { words = []; key = null; started = t; }
      if (cue.key === key) return;
      const first = key === null;
      key = cue.key;
      if (reads.says !== 'earlier') answer(t, cue.digits);
      else if (first) reads.earlier.forEach((w) => plan(w.digit, t + w.at)); // the whole recording, from its start
    },
    /** The words that sound within the next 250 ms, each once. */
    due(t) {
      const now = words.filter((w) => !w.said && w.soundAt - t < 250);
      for (const w of now) w.said = true;
      return now.map((w) => ({ digit: w.digit, at: w.soundAt }));
    },
    /** How far the mouth is open at t, 0 to 1. */
    opening(t) {
      if (reads.mouth !== 'moves') return 0;
      let widest = 0;
      for (const w of words) {
        const { opening, openingFromMs } = mouths[w.digit];
        const i = (t - w.mouthAt - openingFromMs) / stepMs, k = Math.floor(i);
        if (k < 0 || k + 1 >= opening.length) continue;
        widest = Math.max(widest, opening[k] + (opening[k + 1] - opening[k]) * (i - k));
      }
      return widest;
    },
    /** Whether a hand is before the mouth: from the first digit on. */
    covered: (t) => reads.mouth === 'covered' && t >= started && t - seenAt < 3000,
  };
}
