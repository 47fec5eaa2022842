// The pictures of internal/flash/screentest: what the analyser of flashes takes
// the screen to show is what core/flash.ts paints.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ask, dark, mix, picture, prepare, rest, start, step, type Light, type LightEvent, type Picture } from '../core/flash';
import type { Challenge, Prepare, Prompt, RGB } from '../core/protocol';
import { PAGE } from '../sdk/surface';

interface Film {
  flash: Omit<Challenge, 'type' | 'attempt'> & { lead_ms: number };
  digits: { neutral: RGB; fade_ms: number; preroll_ms: number; show_ms: number[]; end_ms: number; light: RGB[] };
  frame_ms: number;
  strips: number[];
  pictures: Record<'flash' | 'digits', { t: number; colors: RGB[] }[]>;
}

const STRIPS = 24;
const film = JSON.parse(readFileSync(join(WEB_DIR, '..', 'internal', 'flash', 'screentest', 'testdata', 'screen.json'), 'utf8')) as Film;

/** The colour at a place along the wipe. */
function at(p: Picture | null, strip: number): RGB {
  if (!p) return PAGE;
  if (!p.edge) return p.below;
  const x = (strip + 0.5) / STRIPS;
  const along = p.forward ? x : 1 - x;
  return mix(p.above, p.below, (along - p.edge[0]) / (p.edge[1] - p.edge[0]));
}

/** Plays a light at the film's own times; feed hands over what the server tells, at t ms after the pre-roll. */
function play(kind: 'flash' | 'digits', first: Light, feed: (l: Light, t: number) => Light): void {
  let l = first;
  let neutral = NaN; // the begin of the pre-roll
  let over = NaN; // … and its end
  const wanted = new Map(film.pictures[kind].map((p) => [p.t, p.colors]));
  let compared = 0;
  const end = film.pictures[kind].at(-1)!.t;
  for (let t = 0; t <= end; t += film.frame_ms) {
    if (Number.isNaN(over) && t - neutral >= film[kind].preroll_ms - 4) over = t;
    if (!Number.isNaN(over)) l = feed(l, t - over);
    let events: LightEvent[];
    [l, events] = step(l, t);
    if (events[0]?.event === 'preroll') neutral = t;
    const want = wanted.get(t);
    if (!want) continue;
    const p = picture(l, t);
    film.strips.forEach((strip, i) => {
      const got = at(p, strip);
      got.forEach((v, c) => assert(Math.abs(v - want[i]![c as 0]) <= 1, `${kind}, ${t} ms, strip ${strip}: ${got} is not ${want[i]}`));
    });
    compared++;
  }
  assert(compared > 100 && l.phase === 'done', `${compared} pictures, ${l.phase}`);
}

test('a flash challenge is painted as the analyser takes it', () => {
  const c: Challenge = { type: 'challenge', attempt: 1, ...film.flash };
  const p: Prepare = { type: 'prepare', attempt: 1, method: 'flash', reading: null, neutral: c.neutral, lead_ms: film.flash.lead_ms, fade_ms: c.fade_ms, preroll_ms: c.preroll_ms };
  play('flash', prepare(dark(PAGE), p), (l) => (l.challenge ? l : start(l, c)));
});

test('the light under digits is painted as the analyser takes it', () => {
  const d = film.digits;
  const p: Prepare = { type: 'prepare', attempt: 1, method: 'digits', reading: null, neutral: d.neutral, lead_ms: 0, fade_ms: d.fade_ms, preroll_ms: d.preroll_ms };
  let told = 0;
  play('digits', prepare(dark(PAGE), p), (light, t) => {
    let l = light;
    const due = (ms: number): boolean => t >= ms - 4;
    if (told < d.show_ms.length && due(d.show_ms[told]!)) {
      l = ask(l, { type: 'prompt', attempt: 1, index: told, digits: '0', rgb: d.light[told]! } as unknown as Prompt);
      told++;
    }
    if (told === d.show_ms.length && !l.listened && due(d.end_ms)) l = rest(l, { type: 'listened', attempt: 1 });
    return l;
  });
});
