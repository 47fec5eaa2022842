import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Outcome } from '../core/errors';
import { WAIT, begin, reduce, stage, type Effect, type Event, type Screen, type State } from '../core/machine';
import type { Challenge, Prepare, Prompt, Result, ServerError, Welcome } from '../core/protocol';

const shape = { fps: 15, width: 360, height: 480, quality: 88 };
const welcome: Welcome = {
  type: 'welcome', attempt: 1, attempts: 3, expires_ms: 1, method: 'flash', preview: shape, capture: shape, portrait: shape,
  limits: { frame_bytes: 1, session_bytes: 1, frames: 300 }, receipt: 'R',
};
const prepare: Prepare = { type: 'prepare', attempt: 1, method: 'flash', reading: null, neutral: [200, 200, 200], lead_ms: 600, fade_ms: 300, preroll_ms: 1000 };
const challenge: Challenge = {
  type: 'challenge', attempt: 1, nonce: '', neutral: [200, 200, 200], fade_ms: 300, preroll_ms: 1000,
  segment_ms: 400, wipe_ms: 200, postroll_ms: 300, segments: [{ rgb: [0, 255, 0], forward: true }],
};
const result = (outcome: Result['outcome'], more: Partial<Result> = {}): Event => ({
  type: 'message', message: { type: 'result', outcome, hint: '', attempt: 1, attempts_left: 2, method: 'flash', err_code: outcome === 'fail' ? 10004 : 0, verify_result: 'V', ...more },
});
const error = (code: string, more: Partial<ServerError> = {}): Event => ({
  type: 'message', message: { type: 'error', code, field: '', message: 'said so', err_code: 0, ...more },
});

const digitsWelcome: Welcome = { ...welcome, method: 'digits' };
const read: Prepare = { ...prepare, method: 'digits', lead_ms: 0, reading: { digits: 6, paced: true, light: true } };
const prompt = (index: number): Prompt => ({ type: 'prompt', attempt: 1, index, digits: String(7 - index), rgb: [210, 190, 190] });
const prompted = (index: number): Event[] => [{ type: 'message', message: prompt(index) }, { type: 'drawn', event: 'prompt', index, t: 10 + index }];
const toDigits: Event[] = [...[{ type: 'agree' }, { type: 'continue' }, { type: 'camera_on' }] as Event[], { type: 'message', message: digitsWelcome }];
const toListening: Event[] = [...toDigits, { type: 'continue' }, { type: 'microphone_on' }];
const toReading: Event[] = [...toListening, { type: 'message', message: read }, ...prompted(0)];

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
  digits: toDigits, microphone_error: [...toDigits, { type: 'continue' }, { type: 'microphone_off', fault: 'denied' }], reading: toReading,
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
  assert.deepEqual(lit.last.slice(1, 3), [{ do: 'frames', mode: 'record', attempt: 1 }, { do: 'portraits', on: true }]);
  assert.deepEqual(go([{ type: 'message', message: challenge }], lit.s).last[1], { do: 'portraits', on: false });
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
  for (const screen of ['consent', 'warning', 'camera', 'camera_error', 'guide', 'flash', 'retry', 'fail', 'trouble', 'digits', 'microphone_error', 'reading'] as Screen[]) {
    const { s, last } = go([...WAYS[screen]!, { type: 'decline' }]);
    assert.equal(s.screen, 'alternative', screen);
    if (['guide', 'flash', 'retry', 'digits', 'microphone_error', 'reading'].includes(screen)) {
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
    const open = ['guide', 'flash', 'analysing', 'retry', 'digits', 'microphone_error', 'reading'].includes(screen);
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
    assert.equal(heard([...WAYS[screen]!, { type: 'decline' }, { type: 'cancel' }]), code, `${screen}, the other way`);
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
    const open = ['guide', 'flash', 'analysing', 'retry', 'digits', 'microphone_error', 'reading'].includes(screen);
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
  const table: [Screen, number][] = [['consent', 90002], ['warning', 90002], ['camera', 90003], ['guide', 90004], ['flash', 90004], ['analysing', 90005], ['retry', 90006],
    ['digits', 90002], ['microphone_error', 90003], ['reading', 90004]];
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

test('digits: nobody is heard before consent, explanation and their own word', () => {
  const order = (first: State): string[] => did(go([
    { type: 'agree' }, { type: 'continue' }, { type: 'camera_on' }, { type: 'microphone_on' }, { type: 'message', message: digitsWelcome },
    { type: 'continue' }, { type: 'microphone_on' }, { type: 'message', message: read },
  ], first).effects).filter((d) => d !== 'timer');
  assert.deepEqual(order(begin('digits')), [
    'camera_start', 'microphone_start', 'open', 'send ready', 'frames preview', 'light', 'frames record', 'portraits', 'sound',
  ], 'known before: explained instead of the warning, camera first');
  assert.deepEqual(order(begin('flash')), [
    'camera_start', 'open', 'microphone_start', 'send ready', 'frames preview', 'light', 'frames record', 'portraits', 'sound',
  ], 'known with welcome: explained then');
  assert.deepEqual([go([{ type: 'agree' }], begin('digits')).s.screen, go(toDigits).s.screen], ['digits', 'digits']);
  for (const events of [[], [{ type: 'agree' }], [{ type: 'continue' }], toDigits, toFlash] as Event[][]) {
    assert(!did(go(events, begin()).effects).some((d) => d === 'microphone_start' || d === 'sound'));
  }
});

test('digits: a session that said so but asks for colours warns of them first, with the microphone off', () => {
  const { s, last } = go([{ type: 'agree' }, { type: 'continue' }, { type: 'camera_on' }, { type: 'microphone_on' }, { type: 'message', message: welcome }], begin('digits'));
  assert.deepEqual([s.screen, did(last)], ['warning', ['microphone_stop']]);
  const on = go([{ type: 'message', message: prepare }, { type: 'continue' }], s);
  assert.deepEqual([on.s.screen, did(on.last)], ['guide', ['send ready', 'frames preview', 'timer']]);
  assert.equal(go([{ type: 'message', message: read }], on.s).s.screen, 'guide', 'the other method\'s prepare');
  assert.equal(go([...toListening, { type: 'message', message: prepare }]).s.screen, 'guide', 'no colours without their warning');
});

test('digits: a passing session does everything in order', () => {
  const { s, effects } = go([
    ...toListening, { type: 'message', message: read }, { type: 'drawn', event: 'preroll', index: 0, t: 1 }, ...prompted(0), ...prompted(1),
    { type: 'message', message: { type: 'listened', attempt: 1 } }, { type: 'drawn', event: 'postroll', index: 0, t: 30 }, { type: 'light_over' },
    { type: 'flushed', captured: 80, sent: 78, dropped: 2, samples: 128_000 }, { type: 'message', message: { type: 'analysing', attempt: 1 } }, result('pass'), { type: 'done' },
  ]);
  assert.equal(s.screen, 'closed');
  assert.deepEqual(did(effects).filter((d) => d !== 'timer').slice(5), [
    'light', 'frames record', 'portraits', 'sound', 'send display', 'light', 'send display', 'light', 'send display',
    'sound', 'microphone_stop', 'light', 'send display', 'dark', 'flush', 'send end', 'dark', 'frames off', 'camera_stop', 'close',
    'dark', 'frames off', 'camera_stop', 'finish',
  ]);
  const sent = effects.flatMap((e) => (e.do === 'send' ? [e.message] : []));
  assert.deepEqual(sent.find((m) => m.type === 'end'), { type: 'end', attempt: 1, captured: 80, sent: 78, dropped: 2, samples: 128_000 });
  assert.deepEqual(sent.filter((m) => m.type === 'display').map((m) => m.type === 'display' && [m.event, m.index, m.t]), [['preroll', 0, 1], ['prompt', 0, 10], ['prompt', 1, 11], ['postroll', 0, 30]]);
});

test('digits: a digit is on the screen from the frame that drew it, until the listening ends', () => {
  const waiting = go([...toListening, { type: 'message', message: read }, { type: 'message', message: prompt(0) }]).s;
  assert.equal(waiting.prompt, null, 'told, not drawn');
  const shown = go([{ type: 'drawn', event: 'prompt', index: 0, t: 9 }], waiting).s;
  assert.equal(shown.prompt?.digits, '7');
  assert.equal(go([{ type: 'message', message: prompt(1) }], shown).s.prompt?.digits, '7');
  assert.equal(go(prompted(1), shown).s.prompt?.digits, '6');
  const over = go([{ type: 'message', message: { type: 'listened', attempt: 1 } }], shown);
  assert.deepEqual([over.s.prompt?.digits, did(over.last)], ['7', ['sound', 'microphone_stop', 'light']]);
  assert.equal(go([{ type: 'drawn', event: 'postroll', index: 0, t: 99 }], over.s).s.prompt, null);
  for (const bad of [{ ...prompt(1), attempt: 2 }, prompt(6)]) assert.deepEqual(go([{ type: 'message', message: bad }], shown).last, []);
});

test('digits: whatever ends the reading turns light and microphone off', () => {
  for (const e of [error('internal'), result('retry'), result('fail'), { type: 'socket_closed', code: 1006 }, { type: 'broken', message: 'x' }, { type: 'hidden' }, { type: 'torn' },
    { type: 'cancel' }, { type: 'decline' }, { type: 'camera_off', fault: 'lost' }, { type: 'microphone_off', fault: 'lost' }, { type: 'timer', name: 'challenge' },
    { type: 'message', message: { type: 'analysing', attempt: 1 } }] as Event[]) {
    const all = did(go([...toReading, e]).last);
    assert(all.includes('dark') && all.includes('microphone_stop'), JSON.stringify(e));
  }
  const hidden = go([...toReading, { type: 'hidden' }]);
  assert.equal(hidden.s.trouble, 'trouble.interrupted.reading');
  const sent = hidden.last.find((e) => e.do === 'send');
  assert(sent?.do === 'send' && sent.message.type === 'abort' && sent.message.reason === 'hidden' && sent.message.stage === 90004);
});

test('digits: a microphone that was refused, or is not there, says which', () => {
  const table = [['denied', 90009, 'microphone not authorized'], ['missing', 90001, 'face detect not support: microphone missing'],
    ['unsupported', 90001, 'face detect not support: microphone unsupported'], ['busy', 90199, 'microphone busy']] as const;
  for (const [fault, errCode, message] of table) {
    const { s, last } = go([...toDigits, { type: 'continue' }, { type: 'microphone_off', fault }]);
    assert.deepEqual([s.screen, s.microphone, did(last)], ['microphone_error', fault, ['microphone_stop']]);
    const left = go([{ type: 'cancel' }], s);
    assert.deepEqual(finished(left.last), { kind: 'error', errCode, message });
    assert(did(left.last).includes('send abort'));
    const again = go([{ type: 'retry' }], s);
    assert.deepEqual([again.s.screen, again.last], ['digits', [{ do: 'microphone_start' }]]);
    assert.equal(go([{ type: 'microphone_on' }], again.s).s.screen, 'guide');
    const other = go([{ type: 'decline' }], s).s;
    assert.deepEqual([other.screen, other.back, finished(go([{ type: 'cancel' }], other).last)], ['alternative', null, { kind: 'cancel', stage: 90003 }]);
  }
  const both = go([{ type: 'agree' }, { type: 'continue' }, { type: 'camera_off', fault: 'both' }, { type: 'cancel' }], begin('digits'));
  assert.deepEqual(finished(both.last), { kind: 'error', errCode: 90010, message: 'camera and microphone not authorized' });
  assert.equal(go([...toReading, { type: 'microphone_off', fault: 'lost' }]).s.trouble, 'microphone.lost');
});

test('digits: before anything runs the other way leads back', () => {
  const { s } = go([{ type: 'agree' }, { type: 'decline' }], begin('digits'));
  assert.deepEqual([s.screen, s.back, go([{ type: 'back' }], s).s.screen], ['alternative', 'digits', 'digits']);
  assert.deepEqual(finished(go([{ type: 'cancel' }], s).last), { kind: 'cancel', stage: 90002 });
});

test('digits: a bright room changes the method, and the person hears why before it is asked for', () => {
  const { s } = go([...toAnalysing, result('retry', { hint: 'too_bright', method: 'digits' })]);
  assert.deepEqual([s.screen, s.method, s.switched], ['retry', 'digits', true]);
  const told = go([{ type: 'retry' }], s);
  assert.deepEqual([told.s.screen, told.s.attempt, told.last], ['digits', 2, []]);
  const asked = go([{ type: 'continue' }], told.s);
  assert.deepEqual(asked.last, [{ do: 'microphone_start' }]);
  const on = go([{ type: 'microphone_on' }], asked.s);
  assert.deepEqual(on.last[0], { do: 'send', message: { type: 'ready', attempt: 2 } });
  // The third time it is known: the microphone comes on again, and nothing is explained twice.
  const third = go([{ type: 'message', message: { ...read, attempt: 2 } }, result('retry', { attempt: 2, method: 'digits', hint: 'louder' }), { type: 'retry' }], on.s);
  assert.deepEqual([third.s.switched, third.s.screen, third.last], [false, 'digits', [{ do: 'microphone_start' }]]);
  const back = go([{ type: 'message', message: { ...read, attempt: 2 } }, result('retry', { attempt: 2, method: 'flash' }), { type: 'retry' }], on.s);
  assert.deepEqual([back.s.switched, back.s.screen, did(back.last)[0]], [true, 'guide', 'send ready'], 'the warning was read');
});

test('digits: chosen instead of colours, before anything began', () => {
  const { s } = go([{ type: 'agree' }, { type: 'read_instead' }]);
  assert.deepEqual([s.screen, s.method, s.chosen, s.switched], ['digits', 'digits', true, false]);
  assert.deepEqual(did(go([{ type: 'continue' }, { type: 'camera_on' }, { type: 'microphone_on' }], s).effects), ['camera_start', 'microphone_start', 'open', 'timer']);
  for (const way of [[], toGuide, toFlash, WAYS.retry!]) assert.equal(go([...way, { type: 'read_instead' }]).s.chosen, false);
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
    { type: 'microphone_on' }, { type: 'microphone_off', fault: 'busy' }, { type: 'message', message: digitsWelcome }, { type: 'message', message: read },
    { type: 'message', message: prompt(0) }, { type: 'message', message: { type: 'listened', attempt: 1 } }, result('retry', { method: 'digits' }),
    { type: 'drawn', event: 'prompt', index: 0, t: 1 },
  ];
  let seed = 7;
  const random = (): number => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed / 0x80000000; };
  let deep = 0;
  let spoke = 0;
  for (let run = 0; run < 4000; run++) {
    let s = begin(run % 8 < 4 ? 'flash' : 'digits');
    let light = false;
    let microphone = false;
    let sound = false;
    let explained = false;
    let warned = false;
    let agreed = false;
    let ends = 0;
    // Half of the runs start far in, where random steps seldom get.
    const way = run % 4 === 1 ? toFlash : toReading;
    const start = run % 2 ? way.slice(0, run % (way.length + 1)) : [];
    for (let i = 0; i < 60; i++) {
      const e = start[i] ?? events[Math.floor(random() * events.length)]!;
      agreed ||= e.type === 'agree' && s.screen === 'consent';
      explained ||= e.type === 'continue' && s.screen === 'digits';
      warned ||= e.type === 'continue' && s.screen === 'warning';
      let effects: Effect[];
      [s, effects] = reduce(s, e);
      for (const f of effects) {
        if (f.do === 'camera_start') assert(agreed, 'camera before consent');
        if (f.do === 'microphone_start') { assert(agreed && explained, 'microphone before its explanation'); microphone = true; }
        if (f.do === 'microphone_stop') microphone = sound = false;
        if (f.do === 'sound') { assert(!f.on || s.screen === 'reading'); sound = f.on; }
        if (f.do === 'light') { assert(s.screen === 'flash' ? warned : explained, 'light without its warning'); light = true; }
        if (f.do === 'dark') light = false;
        if (f.do === 'finish') ends++;
      }
      assert(!light || s.screen === 'flash' || s.screen === 'reading', `light on screen ${s.screen}`);
      assert(!microphone || s.screen === 'digits' || s.screen === 'guide' || s.screen === 'reading', `microphone on screen ${s.screen}`);
      assert(!sound || s.screen === 'reading', `sound on screen ${s.screen}`);
      if (s.screen === 'reading') spoke++;
      assert.equal(ends, s.screen === 'closed' ? 1 : 0);
      if (s.screen === 'flash') deep++;
    }
  }
  assert(deep > 100 && spoke > 100, `the test never got to the light: ${deep}, ${spoke}`);
});
