import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Outcome } from '../core/errors';
import { WAIT, begin, reduce, stage, type Effect, type Event, type Screen, type State } from '../core/machine';
import type { Challenge, Prepare, Result, ServerError, Welcome } from '../core/protocol';

const shape = { fps: 15, width: 360, height: 480, quality: 88 };
const welcome: Welcome = {
  type: 'welcome', attempt: 1, attempts: 3, expires_ms: 1, preview: shape, capture: shape, portrait: shape,
  limits: { frame_bytes: 1, session_bytes: 1, frames: 300 },
};
const prepare: Prepare = { type: 'prepare', attempt: 1, neutral: [200, 200, 200], lead_ms: 600, fade_ms: 300, preroll_ms: 1000 };
const challenge: Challenge = {
  type: 'challenge', attempt: 1, nonce: '', neutral: [200, 200, 200], fade_ms: 300, preroll_ms: 1000,
  segment_ms: 400, wipe_ms: 200, postroll_ms: 300, segments: [{ rgb: [0, 255, 0], forward: true }],
};
const result = (outcome: Result['outcome'], more: Partial<Result> = {}): Event => ({
  type: 'message', message: { type: 'result', outcome, hint: '', attempt: 1, attempts_left: 2, err_code: outcome === 'fail' ? 10004 : 0, verify_result: 'V', ...more },
});
const error = (code: string, more: Partial<ServerError> = {}): Event => ({
  type: 'message', message: { type: 'error', code, field: '', message: 'said so', err_code: 0, ...more },
});

/** The way to each screen. */
const toGuide: Event[] = [{ type: 'agree' }, { type: 'continue' }, { type: 'camera_on' }, { type: 'message', message: welcome }];
const toFlash: Event[] = [...toGuide, { type: 'message', message: prepare }, { type: 'message', message: challenge }];
const toAnalysing: Event[] = [...toFlash, { type: 'light_over' }];
const WAYS: Partial<Record<Screen, Event[]>> = {
  consent: [], warning: [{ type: 'agree' }], alternative: [{ type: 'decline' }],
  camera: [{ type: 'agree' }, { type: 'continue' }],
  camera_error: [{ type: 'agree' }, { type: 'continue' }, { type: 'camera_off', fault: 'denied' }],
  guide: toGuide, flash: toFlash, analysing: toAnalysing,
  retry: [...toAnalysing, result('retry')], pass: [...toAnalysing, result('pass')], fail: [...toAnalysing, result('fail')],
  trouble: [...toFlash, error('internal')],
};

function go(events: Event[], from: State = begin()): { s: State; effects: Effect[]; last: Effect[] } {
  let s = from;
  let last: Effect[] = [];
  const effects: Effect[] = [];
  for (const e of events) {
    [s, last] = reduce(s, e);
    effects.push(...last);
  }
  return { s, effects, last };
}

const did = (effects: Effect[]): string[] => effects.map((e) => (e.do === 'send' ? `send ${e.message.type}` : e.do === 'frames' ? `frames ${e.mode}` : e.do));

function finished(effects: Effect[]): Outcome | undefined {
  const f = effects.filter((e): e is Extract<Effect, { do: 'finish' }> => e.do === 'finish');
  assert(f.length <= 1, 'finished twice');
  return f[0]?.outcome;
}

test('no light before the warning was accepted', () => {
  for (const [screen, way] of Object.entries(WAYS)) {
    const { s, last } = go([...way, { type: 'message', message: prepare }]);
    if (screen === 'guide') assert.deepEqual([s.screen, last[0]], ['flash', { do: 'light', show: prepare }]);
    else assert(!did(last).includes('light') || screen === 'flash', screen);
  }
});

test('without colours the light goes out and the person hears why', () => {
  const { s, effects } = go([...toGuide, { type: 'message', message: prepare }, { type: 'message', message: { type: 'analysing', attempt: 1 } },
    result('retry', { hint: 'raise_brightness' })]);
  assert.deepEqual([s.screen, s.hint], ['retry', 'raise_brightness']);
  assert(did(effects).includes('dark'));
});

test('portraits are taken from the black lead on, until the colours come', () => {
  const lit = go([...toGuide, { type: 'message', message: prepare }]);
  assert.deepEqual(lit.last.slice(1, 3), [{ do: 'frames', mode: 'record', attempt: 1 }, { do: 'portraits', from: 0 }]);
  assert.deepEqual(go([{ type: 'message', message: challenge }], lit.s).last[1], { do: 'portraits', from: null });
});

test('every screen is reached as its way says', () => {
  for (const [screen, way] of Object.entries(WAYS)) assert.equal(go(way).s.screen, screen);
});

test('a passing session does everything in order', () => {
  const { effects, s } = go([
    ...toGuide, { type: 'message', message: { type: 'guide', ok: true, hint: '', box: [0, 0, 0, 0] } },
    { type: 'message', message: prepare }, { type: 'drawn', event: 'preroll', index: 0, t: 1 },
    { type: 'message', message: challenge }, { type: 'drawn', event: 'segment', index: 0, t: 2 }, { type: 'drawn', event: 'postroll', index: 0, t: 3 },
    { type: 'light_over' }, { type: 'flushed', captured: 80, sent: 78, dropped: 2 },
    { type: 'message', message: { type: 'analysing', attempt: 1 } }, result('pass'), { type: 'done' },
  ]);
  assert.equal(s.screen, 'closed');
  assert.deepEqual(did(effects).filter((d) => d !== 'timer'), [
    'camera_start', 'open', 'send ready', 'frames preview',
    'light', 'frames record', 'portraits', 'send display', 'light', 'portraits', 'send display', 'send display',
    'dark', 'flush', 'send end',
    'dark', 'frames off', 'camera_stop', 'close', // the result
    'dark', 'frames off', 'camera_stop', 'finish',
  ]);
  assert.deepEqual(finished(effects), { kind: 'pass', verifyResult: 'V' });
});

test('the camera is not asked for before consent and warning', () => {
  for (const events of [[], [{ type: 'continue' }], [{ type: 'agree' }], [{ type: 'camera_on' }], [{ type: 'retry' }]] as Event[][]) {
    assert(!did(go(events).effects).includes('camera_start'));
    assert(!did(go(events).effects).includes('open'));
  }
});

test('declining leads to the other way, once back, then a cancel', () => {
  const { s } = go([{ type: 'decline' }]);
  assert.deepEqual([s.screen, s.back], ['alternative', 'consent']);
  assert.equal(go([{ type: 'decline' }, { type: 'back' }]).s.screen, 'consent');
  assert.deepEqual(finished(go([{ type: 'decline' }, { type: 'cancel' }]).effects), { kind: 'cancel', stage: 90002 });
});

test('the other way stays open on every screen with a person to decide', () => {
  for (const screen of ['consent', 'warning', 'camera', 'camera_error', 'guide', 'flash', 'retry', 'fail', 'trouble'] as Screen[]) {
    const { s, last } = go([...WAYS[screen]!, { type: 'decline' }]);
    assert.equal(s.screen, 'alternative', screen);
    if (['guide', 'flash', 'retry'].includes(screen)) {
      const abort = last.find((e) => e.do === 'send');
      assert(abort?.do === 'send' && abort.message.type === 'abort' && abort.message.reason === 'alternative', screen);
      assert.equal(s.back, null);
    }
  }
});

test('a cancel ends every screen: light out first, abort where a socket is, camera off', () => {
  for (const [screen, way] of Object.entries(WAYS) as [Screen, Event[]][]) {
    const { s, last } = go([...way, { type: 'cancel' }]);
    assert.equal(s.screen, 'closed', screen);
    const all = did(last);
    assert.equal(all[0], 'dark', screen);
    assert(all.includes('camera_stop'), screen);
    assert(finished(last) !== undefined, screen);
    const open = ['guide', 'flash', 'analysing', 'retry'].includes(screen);
    assert.equal(all.includes('send abort'), open, screen);
    assert.equal(all.includes('close'), open, screen);
    if (open) assert(all.indexOf('send abort') < all.indexOf('close'), screen);
  }
});

test('when the server stops waiting, light and frames stop, and no end is sent', () => {
  const { s, last } = go([...toFlash, { type: 'message', message: { type: 'analysing', attempt: 1 } }]);
  assert.equal(s.screen, 'analysing');
  assert.deepEqual(did(last), ['dark', 'frames off', 'timer']);
  assert.equal(go([result('retry', { hint: 'slow_network' })], s).s.screen, 'retry');
});

test('what the caller hears of a cancel', () => {
  const heard = (screen: Screen): string => {
    const o = finished(go([...WAYS[screen]!, { type: 'cancel' }]).effects)!;
    return o.kind === 'error' ? `error ${o.errCode}` : o.kind;
  };
  assert.deepEqual(['consent', 'warning', 'alternative', 'camera', 'guide', 'flash', 'analysing', 'retry'].map((x) => heard(x as Screen)), Array<string>(8).fill('cancel'));
  assert.equal(heard('camera_error'), 'error 90008');
  assert.equal(heard('pass'), 'pass'); // the decision stands
  assert.equal(heard('fail'), 'fail');
  assert.equal(heard('trouble'), 'error 90199');
});

test('the caller hears at which stage the person left, by either door', () => {
  const heard = (events: Event[]): number | undefined => {
    const o = finished(go(events).effects)!;
    return o.kind === 'cancel' ? o.stage : undefined;
  };
  for (const [screen, code] of [['consent', 90002], ['warning', 90002], ['camera', 90003], ['guide', 90004], ['flash', 90004], ['analysing', 90005], ['retry', 90006]] as [Screen, number][]) {
    assert.equal(heard([...WAYS[screen]!, { type: 'cancel' }]), code, screen);
    if (screen !== 'analysing') assert.equal(heard([...WAYS[screen]!, { type: 'decline' }, { type: 'cancel' }]), code, `${screen}, the other way`);
  }
  assert.equal(heard([...WAYS.camera_error!, { type: 'decline' }, { type: 'cancel' }]), 90003);
});

test('a page that goes away gets "not returned", with everything off', () => {
  for (const [screen, way] of Object.entries(WAYS) as [Screen, Event[]][]) {
    const { s, last } = go([...way, { type: 'torn' }]);
    assert.equal(s.screen, 'closed', screen);
    const all = did(last);
    assert.equal(all[0], 'dark', screen);
    assert(all.includes('camera_stop'), screen);
    const open = ['guide', 'flash', 'analysing', 'retry'].includes(screen);
    assert.deepEqual([all.includes('send abort'), all.includes('close')], [open, open], screen);
    const o = finished(last)!;
    if (screen === 'pass' || screen === 'fail') assert.equal(o.kind, screen, 'the decision stands');
    else if (screen === 'trouble') assert.equal(o.kind, 'error', screen);
    else assert.deepEqual(o, { kind: 'error', errCode: -1, message: 'not returned' }, screen);
  }
});

test('a connection lost while pictures go up is a lost upload', () => {
  for (const [screen, code] of [['guide', 90007], ['retry', 90007], ['flash', 90012], ['analysing', 90012]] as [Screen, number][]) {
    const o = go([...WAYS[screen]!, { type: 'socket_closed', code: 1006 }]).s.outcome;
    assert.equal(o?.kind === 'error' && o.errCode, code, screen);
  }
});

test('the stage of a cancel', () => {
  const table: [Screen, number][] = [['consent', 90002], ['warning', 90002], ['camera', 90003], ['guide', 90004], ['flash', 90004], ['analysing', 90005], ['retry', 90006]];
  for (const [screen, code] of table) assert.equal(stage(screen), code, screen);
});

test('the light goes out at once when the page is hidden, and only then matters', () => {
  const { s, last } = go([...toFlash, { type: 'hidden' }]);
  assert.equal(s.screen, 'trouble');
  assert.equal(did(last)[0], 'dark');
  const sent = last.find((e) => e.do === 'send');
  assert(sent?.do === 'send' && sent.message.type === 'abort' && sent.message.reason === 'hidden');
  for (const screen of ['consent', 'guide', 'analysing', 'pass'] as Screen[]) {
    assert.equal(go([...WAYS[screen]!, { type: 'hidden' }]).s.screen, screen);
  }
});

test('the light goes out when the server says error, closes, or decides early', () => {
  for (const e of [error('internal'), result('retry'), result('fail'), { type: 'socket_closed', code: 1006 }, { type: 'broken', message: 'x' }] as Event[]) {
    assert(did(go([...toFlash, e]).last).includes('dark'), JSON.stringify(e));
  }
});

test('a retry asks the person first and counts on', () => {
  const { s, last } = go([...toAnalysing, result('retry', { hint: 'too_bright' })]);
  assert.deepEqual([s.screen, s.hint, s.attemptsLeft], ['retry', 'too_bright', 2]);
  assert(!did(last).some((d) => d.startsWith('send') || d === 'close' || d === 'camera_stop'));
  const again = go([{ type: 'retry' }], s);
  assert.equal(again.s.screen, 'guide');
  assert.deepEqual(again.last[0], { do: 'send', message: { type: 'ready', attempt: 2 } });
  const second = go([{ type: 'message', message: { ...prepare, attempt: 2 } }], again.s);
  assert.equal(second.s.screen, 'flash');
  assert.equal(go([{ type: 'message', message: prepare }], again.s).s.screen, 'guide', 'the first attempt\'s');
});

test('server errors become codes and words', () => {
  const table: [Event, number, string][] = [
    [error('expired'), 90107, 'trouble.timeout'], [error('expired', { err_code: 90017 }), 90017, 'trouble.timeout'],
    [error('rate_limited'), 10042, 'trouble.busy'], [error('unavailable'), 90007, 'trouble.busy'],
    [error('conflict'), 90199, 'trouble.elsewhere'], [error('invalid', { err_code: 90011 }), 90011, 'trouble.unknown'],
    [{ type: 'socket_closed', code: 4410 }, 90107, 'trouble.timeout'], [{ type: 'socket_closed', code: 4409 }, 90199, 'trouble.elsewhere'],
    [{ type: 'socket_closed', code: 1006 }, 90012, 'trouble.network'], [{ type: 'socket_closed', code: 1000 }, 90012, 'trouble.network'],
  ];
  for (const [e, code, key] of table) {
    const { s } = go([...toFlash, e]);
    assert.equal(s.trouble, key, JSON.stringify(e));
    assert(s.outcome?.kind === 'error' && s.outcome.errCode === code, JSON.stringify(e));
  }
});

test('after the decision nothing changes it', () => {
  const { s } = go(WAYS.pass!);
  for (const e of [result('fail'), error('internal'), { type: 'socket_closed', code: 1006 }, { type: 'broken', message: '' }, { type: 'hidden' },
    { type: 'camera_off', fault: 'lost' }, { type: 'timer', name: 'result' }] as Event[]) {
    assert.deepEqual(reduce(s, e), [s, []], JSON.stringify(e));
  }
});

test('clocks count only where they were started', () => {
  const rang = (way: Event[], name: 'welcome' | 'guide' | 'challenge' | 'result'): string => go([...way, { type: 'timer', name }]).s.screen;
  assert.equal(rang(toGuide.slice(0, 3), 'welcome'), 'trouble');
  assert.equal(rang(toGuide, 'welcome'), 'guide');
  assert.equal(rang(toGuide, 'guide'), 'trouble');
  assert.equal(rang(toFlash, 'guide'), 'flash');
  assert.equal(rang(toFlash, 'challenge'), 'trouble');
  // The colours have a clock of their own: many after a slow network are no fault.
  assert.deepEqual(go(toFlash).last.filter((f) => f.do === 'timer'), [{ do: 'timer', name: 'challenge', ms: WAIT.challenge }]);
  assert.equal(rang(toAnalysing, 'challenge'), 'analysing');
  assert.equal(rang(toAnalysing, 'result'), 'trouble');
  assert.equal(rang(WAYS.retry!, 'result'), 'retry');
});

test('a camera that stops ends the session, one that never started does not', () => {
  assert.equal(go([...toGuide, { type: 'camera_off', fault: 'lost' }]).s.trouble, 'camera.lost');
  const { s } = go(WAYS.camera_error!);
  assert.deepEqual([go([{ type: 'retry' }], s).s.screen, s.outcome], ['camera', null]);
});

test('no order of events breaks the rules', () => {
  const events: Event[] = [
    { type: 'agree' }, { type: 'decline' }, { type: 'back' }, { type: 'continue' }, { type: 'retry' }, { type: 'cancel' }, { type: 'done' }, { type: 'torn' },
    { type: 'camera_on' }, { type: 'camera_off', fault: 'busy' }, { type: 'message', message: welcome }, { type: 'message', message: prepare },
    { type: 'message', message: challenge }, { type: 'light_over' }, { type: 'flushed', captured: 1, sent: 1, dropped: 0 }, { type: 'hidden' },
    { type: 'drawn', event: 'segment', index: 0, t: 1 }, result('retry'), result('pass'), error('internal'), { type: 'socket_closed', code: 1006 },
    { type: 'timer', name: 'guide' },
  ];
  let seed = 7;
  const random = (): number => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed / 0x80000000; };
  let deep = 0;
  for (let run = 0; run < 3000; run++) {
    let s = begin();
    let light = false;
    let agreed = false;
    let ends = 0;
    // Half of the runs start far in, where random steps seldom get.
    const start = run % 2 ? toFlash.slice(0, run % (toFlash.length + 1)) : [];
    for (let i = 0; i < 60; i++) {
      const e = start[i] ?? events[Math.floor(random() * events.length)]!;
      agreed ||= e.type === 'agree' && s.screen === 'consent';
      let effects: Effect[];
      [s, effects] = reduce(s, e);
      for (const f of effects) {
        if (f.do === 'camera_start') assert(agreed, 'camera before consent');
        if (f.do === 'light') light = true;
        if (f.do === 'dark') light = false;
        if (f.do === 'finish') ends++;
      }
      assert(!light || s.screen === 'flash', `light on screen ${s.screen}`);
      assert.equal(ends, s.screen === 'closed' ? 1 : 0);
      if (s.screen === 'flash') deep++;
    }
  }
  assert(deep > 100, 'the test never got to the light');
});
