// What the canvas shows at a time: a pure model of the light, so that it can be
// tested without a screen. sdk/surface.ts paints it. Digits that are read aloud
// come with it, each together with its colour: a prompt is drawn when the light
// says so, and the time of that very frame is reported.
//
// The wipe is measured from the animation frame that first drew its segment,
// not from a nominal plan: a late frame then delays the rest, no segment is
// skipped or shortened, and the times reported to the server say exactly what
// was shown. It also keeps the distance between two changes at least
// segment_ms (WCAG 2.3.1; docs of internal/flash).

import { MIN_SEGMENT_MS, type Challenge, type DisplayName, type Listened, type Prepare, type Prompt, type RGB } from './protocol';

/** A phase of the light. */
export type Phase = 'off' | 'lead' | 'fade' | 'neutral' | 'segment' | 'prompt' | 'post' | 'done';

export interface Light {
  phase: Phase;
  /** the segment or prompt shown, in those phases */
  index: number;
  /** when the phase (or segment) was first drawn, ms; NaN: not drawn yet */
  since: number;
  from: RGB;
  neutral: RGB;
  lead: number;
  fade: number;
  challenge: Challenge | null;
  /** of digits: the colour of the prompt that is shown */
  colour: RGB;
  /** of digits: prompts that were not drawn yet, in order */
  queue: readonly Prompt[];
  /** of digits: enough was heard */
  listened: boolean;
}

export interface LightEvent {
  event: DisplayName;
  index: number;
  t: number;
}

/**
 * A picture: `below` fills the screen; where `edge` is not null, `above`
 * covers the share of the long axis up to edge[0] and blends into `below`
 * until edge[1], counted from the top or left when forward, else from the
 * other end.
 */
export interface Picture {
  below: RGB;
  above: RGB;
  edge: readonly [number, number] | null;
  forward: boolean;
}

/** Width of the smooth edge of the wipe, share of the long axis. */
export const EDGE = 0.06;

/**
 * A frame may come this early, ms: animation frames are about 16.7 ms apart
 * and their times are rounded, so that 399.9 would otherwise wait until 416.6.
 */
const EARLY = 4;

/** How long the neutral light stays after the digits, ms. */
const AFTER_DIGITS = 300;

/** What the screen shows in the lead. */
const BLACK: RGB = [0, 0, 0];

/** The light before anything is shown. `from` is the colour of the page that fades. */
export function dark(from: RGB): Light {
  return { phase: 'off', index: 0, since: NaN, from, neutral: from, lead: 0, fade: 0, challenge: null, colour: from, queue: [], listened: false };
}

/** Starts the black lead, or without one the neutral pre-roll, at the next frame. */
export function prepare(l: Light, p: Prepare): Light {
  return {
    ...l, phase: p.lead_ms > 0 ? 'lead' : 'fade', index: 0, since: NaN,
    neutral: p.neutral, lead: p.lead_ms, fade: p.fade_ms, challenge: null, colour: p.neutral, queue: [], listened: false,
  };
}

/** Hands over the colours: they start at the next frame. */
export function start(l: Light, c: Challenge): Light {
  return { ...l, neutral: c.neutral, challenge: c };
}

/** Adds a prompt: it is drawn at the next frame, however late that is. */
export function ask(l: Light, p: Prompt): Light {
  return { ...l, queue: [...l.queue, p] };
}

/** Ends the prompts: the neutral light comes back once all were drawn. */
export function rest(l: Light, _: Listened): Light {
  return { ...l, listened: true };
}

/** Advances the light to the frame at t and says what was drawn for the first time. */
export function step(l: Light, t: number): [Light, LightEvent[]] {
  const c = l.challenge;
  switch (l.phase) {
    case 'off':
    case 'done':
      return [l, []];
    case 'lead':
      if (Number.isNaN(l.since)) return [{ ...l, since: t }, [{ event: 'lead', index: 0, t }]];
      if (t - l.since < l.lead - EARLY) return [l, []];
      return step({ ...l, phase: 'fade', since: NaN, from: BLACK }, t);
    case 'fade':
      if (Number.isNaN(l.since)) return [{ ...l, since: t }, [{ event: 'preroll', index: 0, t }]];
      if (t - l.since < l.fade) return [l, []];
      return step({ ...l, phase: 'neutral' }, t);
    case 'neutral':
      return c ? segment(l, 0, t) : prompted(l, t);
    case 'segment':
      if (!c || t - l.since < c.segment_ms - EARLY) return [l, []];
      if (l.index + 1 < c.segments.length) return segment(l, l.index + 1, t);
      return [{ ...l, phase: 'post', since: t }, [{ event: 'postroll', index: 0, t }]];
    case 'prompt':
      // After a stall the prompts come late, but never in a burst of colours.
      return t - l.since < MIN_SEGMENT_MS - EARLY ? [l, []] : prompted(l, t);
    case 'post':
      return t - l.since < (c ? c.postroll_ms : l.fade + AFTER_DIGITS) - EARLY ? [l, []] : [{ ...l, phase: 'done' }, []];
  }
}

/** Draws the next prompt, or after the last one the neutral light. */
function prompted(l: Light, t: number): [Light, LightEvent[]] {
  const [next, ...queue] = l.queue;
  const from = picture(l, t)?.below ?? l.neutral; // also where the last fade was cut short
  if (next) {
    return [{ ...l, phase: 'prompt', index: next.index, since: t, from, colour: next.rgb ?? l.colour, queue }, [{ event: 'prompt', index: next.index, t }]];
  }
  return l.listened ? [{ ...l, phase: 'post', since: t, from }, [{ event: 'postroll', index: 0, t }]] : [l, []];
}

function segment(l: Light, index: number, t: number): [Light, LightEvent[]] {
  return [{ ...l, phase: 'segment', index, since: t }, [{ event: 'segment', index, t }]];
}

/** The picture of a light at t; null when nothing is shown. */
export function picture(l: Light, t: number): Picture | null {
  const flat = (c: RGB): Picture => ({ below: c, above: c, edge: null, forward: true });
  switch (l.phase) {
    case 'off':
    case 'done':
      return null;
    case 'lead':
    case 'fade':
      return flat(mix(l.from, l.phase === 'lead' ? BLACK : l.neutral, faded(l, t, 0)));
    case 'prompt':
      return flat(mix(l.from, l.colour, faded(l, t, 1)));
    case 'neutral':
      return flat(l.neutral);
    case 'post':
      return flat(l.challenge ? l.neutral : mix(l.from, l.neutral, faded(l, t, 1)));
    case 'segment': {
      const c = l.challenge!;
      const now = c.segments[l.index]!;
      const share = c.wipe_ms > 0 ? clamp((t - l.since) / c.wipe_ms) : 1;
      if (share >= 1) return flat(now.rgb);
      const before = l.index > 0 ? c.segments[l.index - 1]!.rgb : l.neutral;
      return { below: before, above: now.rgb, edge: edge(share), forward: now.forward };
    }
  }
}

/** The share of a fade that is over; without one, what it is at once. */
function faded(l: Light, t: number, without: 0 | 1): number {
  return l.fade > 0 && !Number.isNaN(l.since) ? clamp((t - l.since) / l.fade) : without;
}

/**
 * Where the edge is when `share` of the wipe is over: the middle of the blend
 * runs so that nothing of the new colour shows at 0 and all of it at 1.
 */
export function edge(share: number): readonly [number, number] {
  const end = share * (1 + EDGE);
  return [end - EDGE, end];
}

/**
 * Mixes two sRGB colours in linear light, so that the luminance goes evenly
 * from one to the other. share 0 gives a, 1 gives b.
 */
export function mix(a: RGB, b: RGB, share: number): RGB {
  const s = clamp(share);
  const one = (i: 0 | 1 | 2): number => Math.round(encode(decode(a[i]) * (1 - s) + decode(b[i]) * s));
  return [one(0), one(1), one(2)];
}

function clamp(x: number): number { return x < 0 ? 0 : x > 1 ? 1 : x; }

/** sRGB byte → linear 0..1 (IEC 61966-2-1). */
function decode(v: number): number {
  const c = v / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

/** linear 0..1 → sRGB byte, not rounded. */
function encode(l: number): number {
  return 255 * (l <= 0.0031308 ? l * 12.92 : 1.055 * l ** (1 / 2.4) - 0.055);
}
