// The mode splice. Runs in the page (and in Node for its tests): it travels by
// its own source text.

/**
 * A library of genuine clips, re-ordered to what the page shows, without holding
 * the face still between them. lib: librarySequence of attacks.mjs; film(light,
 * from, to) → states, of the renderer; latencyMs from what is seen to its clip.
 * Returns {neutral, see(t, shown), at(t)}: neutral is the light of the video
 * that plays between clips, at gives the state to draw or null for that video.
 */
export function createSplicer(lib, bands, film, latencyMs) {
  const LEAD = 700, FADE = 300, PREROLL = 1000, GREY = 0.58;
  const segments = lib.segments;
  const flat = (r, g, b) => Float32Array.from({ length: bands * 3 }, (_, i) => [r, g, b][i % 3]);
  const neutral = flat(GREY, GREY, GREY);
  // The earlier session: black lead, rise to neutral, colours from 0 on, neutral.
  const light = (t) => {
    if (t < -PREROLL) {
      const v = GREY * Math.min(1, Math.max(0, 1 + (t + PREROLL) / FADE));
      return flat(v, v, v);
    }
    const k = Math.floor(t / lib.segmentMs);
    if (k < 0 || k >= segments.length) return neutral;
    const done = (t - k * lib.segmentMs) / lib.wipeMs;
    const before = k > 0 ? segments[k - 1].rgb : [GREY, GREY, GREY];
    const out = new Float32Array(bands * 3);
    for (let b = 0; b < bands; b++) {
      const u = (b + 0.5) / bands;
      out.set((segments[k].forward ? u : 1 - u) <= done ? segments[k].rgb : before, b * 3);
    }
    return out;
  };
  const end = segments.length * lib.segmentMs;
  const states = film(light, -LEAD - FADE - PREROLL, end + 500);

  // Clips: what they show, what came before, when they begin and end.
  const name = (rgb) => lib.colours.findIndex((c) => Math.abs(c[0] - rgb[0]) + Math.abs(c[1] - rgb[1]) + Math.abs(c[2] - rgb[2]) < 0.3);
  const clips = segments.map((s, i) => ({
    shows: name(s.rgb), before: i > 0 ? name(segments[i - 1].rgb) : 'neutral', forward: s.forward,
    from: i * lib.segmentMs, to: (i + 1) * lib.segmentMs,
  }));
  clips.push(
    { shows: 'black', before: 'neutral', forward: true, from: -LEAD - FADE - PREROLL, to: -FADE - PREROLL },
    { shows: 'neutral', before: 'black', forward: true, from: -FADE - PREROLL, to: 0 },
    { shows: 'neutral', before: 'colour', forward: true, from: end, to: end + 500 },
  );
  const best = (shows, before, forward) => {
    const after = (c) => c.before === before || (c.before === 'colour' && typeof before === 'number');
    const score = (c) => (c.shows === shows ? 4 : 0) + (after(c) ? 2 : 0) + (c.forward === forward ? 1 : 0);
    return clips.reduce((a, c) => (score(c) > score(a) ? c : a));
  };

  // What is seen at one end of the surface; null while colours blend.
  const colour = (s, b) => {
    const rgb = [s[b * 3], s[b * 3 + 1], s[b * 3 + 2]], hi = Math.max(...rgb);
    if (hi < 0.03) return 'black';
    if (hi - Math.min(...rgb) < 0.12) return 'neutral';
    const k = name(rgb);
    return k < 0 ? null : k;
  };
  const cuts = [];
  let now = 'neutral', settled = true;
  return {
    neutral,
    see(t, shown) {
      const first = colour(shown, 0), last = colour(shown, bands - 1);
      const same = first !== null && first === last;
      settled ||= same && first === now;
      const next = !settled ? (same ? first : now) : first !== null && first !== now ? first : last ?? now;
      if (next === now) return;
      cuts.push({ t, clip: best(next, now, next === first) });
      if (cuts.length > 64) cuts.shift();
      now = next;
      settled = same;
    },
    at(t) {
      const seen = t - latencyMs, cut = cuts.findLast((c) => c.t <= seen);
      if (!cut) return null;
      const { from, to, shows } = cut.clip, s = from + seen - cut.t;
      if (s >= to && shows === 'neutral') return null; // the long video goes on
      const until = Math.min(s, to - 1); // a clip that is too short holds its last frame
      return states.reduce((a, x) => (Math.abs(x.t - until) < Math.abs(a.t - until) ? x : a));
    },
  };
}
