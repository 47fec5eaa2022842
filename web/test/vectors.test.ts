// The vectors of internal/capture: what the Go server says and accepts is what
// this client reads and says.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { begin, reduce, type Effect, type Event, type Screen, type State } from '../core/machine';
import { encodeFrame, encodeSound, parse, type ClientMessage } from '../core/protocol';

interface Step {
  client?: ClientMessage;
  frame?: { attempt: number; seq: number; t: number; preview: boolean; jpeg: string };
  audio?: { attempt: number; seq: number; t: number; samples: number };
  binary?: string;
  repeat?: number;
  server?: unknown[];
}

interface Vectors { scripts: { name: string; steps: Step[] }[]; bad: { step: Step }[] }

const file = join(WEB_DIR, '..', 'internal', 'capture', 'testdata', 'vectors.json');
const vectors: Vectors | null = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Vectors) : null;

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (b) => parseInt(b, 16));
const hex = (b: ArrayBuffer): string => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, '0')).join('');

test('the vectors are there', () => assert(vectors, `${file} is missing`));

test('frames are the same bytes', () => {
  let n = 0;
  for (const { steps } of vectors!.scripts) {
    for (const s of steps) {
      if (!s.frame || !s.binary) continue;
      assert.equal(hex(encodeFrame(s.frame, bytes(s.frame.jpeg))), s.binary);
      n++;
    }
  }
  assert(n > 50, `only ${n} frames`);
});

test('sound is the same bytes', () => {
  let n = 0;
  for (const { steps } of vectors!.scripts) {
    for (const s of steps) {
      if (!s.audio || !s.binary) continue;
      assert.equal(hex(encodeSound(s.audio, new Int16Array(s.audio.samples))), s.binary + '00'.repeat(s.repeat ?? 0));
      n++;
    }
  }
  assert(n > 50, `only ${n} pieces`);
});

test('every message of the server is understood', () => {
  let n = 0;
  for (const s of [...vectors!.scripts.flatMap((x) => x.steps), ...vectors!.bad.map((b) => b.step)]) {
    for (const m of s.server ?? []) {
      const got = parse(JSON.stringify(m)) as unknown as Record<string, unknown>;
      assert(got, JSON.stringify(m));
      const want = m as Record<string, unknown>;
      for (const k of Object.keys(got)) if (k in want) assert.deepEqual(got[k], want[k], `${JSON.stringify(m)}: ${k}`);
      n++;
    }
  }
  assert(n > 50, `only ${n} messages`);
});

/** What a willing person does until the attempt begins. */
function willing(s: State): Event[] {
  switch (s.screen) {
    case 'retry': return [{ type: 'retry' }];
    case 'warning': return [{ type: 'continue' }];
    case 'digits': return [{ type: s.microphone === 'asking' ? 'microphone_on' : 'continue' }];
    default: return [];
  }
}

/** What makes this client say a message of a script. */
function cause(m: ClientMessage): Event[] {
  switch (m.type) {
    case 'hello': return [{ type: 'agree' }, { type: 'continue' }, { type: 'camera_on' }];
    case 'ready': return []; // follows by itself once the person is willing
    case 'display': return [{ type: 'drawn', event: m.event, index: m.index, t: m.t }];
    case 'end': return [{ type: 'light_over' }, { type: 'flushed', captured: m.captured, sent: m.sent, dropped: m.dropped, samples: m.samples ?? 0 }];
    case 'abort': return [{ type: m.reason === 'alternative' ? 'decline' : 'cancel' }];
  }
}

test('the reducer plays the client of every script', () => {
  const ends: Record<string, Screen> = {
    pass: 'pass', 'retry-then-fail': 'fail', 'slow-preroll-then-pass': 'pass', 'slow-flash-then-cancel': 'closed',
    'no-lead': 'pass', 'declined-then-pass': 'pass', 'forecast-too-late': 'closed', 'late-previews': 'fail', 'digits-pass': 'pass', 'digits-retry-then-fail': 'fail',
    'declined-then-digits': 'pass', 'digits-no-sound': 'closed', 'digits-slow-network': 'trouble', 'cut-short': 'trouble', alternative: 'alternative',
  };
  let played = 0;
  for (const { name, steps } of vectors!.scripts) {
    if (!steps.some((s) => s.client)) continue; // nobody connects
    let s: State = begin();
    const said: ClientMessage[] = [];
    const feed = (events: Event[]): void => {
      for (const e of events) {
        let effects: Effect[];
        [s, effects] = reduce(s, e);
        for (const f of effects) if (f.do === 'send') said.push(f.message);
      }
    };
    const wanted: ClientMessage[] = [];
    for (const step of steps) {
      // Scripts also hold messages that cross with the server's; a client that
      // has heard "analysing" does not send them any more.
      const crossed = s.screen === 'analysing' && (step.client?.type === 'display' || step.client?.type === 'end');
      if (step.client && !crossed) {
        if (step.client.type === 'ready') for (let next = willing(s); next.length > 0; next = willing(s)) feed(next);
        feed(cause(step.client));
        if (step.client.type !== 'hello') wanted.push(step.client);
      }
      for (const m of step.server ?? []) feed([{ type: 'message', message: parse(JSON.stringify(m))! }]);
    }
    // The stage of an abort is where our person is, which may be another screen than the script's.
    const plain = (all: ClientMessage[]): unknown[] => all.map((m) => (m.type === 'abort' ? { type: m.type, reason: m.reason } : m));
    assert.deepEqual(plain(said), name === 'alternative' ? [{ type: 'ready', attempt: 1 }, ...plain(wanted)] : plain(wanted), name);
    if (ends[name]) assert.equal(s.screen, ends[name], name);
    played++;
  }
  assert(played >= 5, `only ${played} scripts`);
});
