// The recording page: people who consented read digits aloud, so that the
// recogniser can be trained and measured. Its controls carry data-testid;
// web/README.md lists them.

import { hintKey, words, type TextKey } from '../core/text/text';
import { CameraError } from '../sdk/camera';
import { h } from '../sdk/dom';
import { Microphone, MicrophoneError, workletURL } from '../sdk/microphone';
import * as api from './api';
import { Film } from './film';
import { cell, nextOf, type Item, type Session } from './plan';
import { Reading, type Take } from './reading';
import { level } from './tape';
import type { RecordKey } from './text';
import { at, go, lang, save, saved, say, speak, tell, turnLanguage } from './ui';

let notice: api.Notice | null = null;
let session: Session | null = null;
let code = '';
let done = new Set<number>();
let item: Item | null = null;
let last: Item | null = null; // the one before, to be read again
let microphone: Microphone | null = null;
let film: Film | null = null;
let reading: Reading | null = null;
let unsent: Take | null = null;
let sending = false;
let sure = false;

function end(text: () => string): void {
  tell('rec-end', text);
  go('end');
}

function problem(e: unknown): string {
  if (e instanceof MicrophoneError) return words(lang)(`microphone.${e.fault}` as TextKey);
  if (e instanceof CameraError) return words(lang)(`camera.${e.fault}`);
  if (!(e instanceof api.Refused)) return say('err.other', { why: e instanceof Error ? e.message : String(e) });
  if (e.field === 'network') return say('err.network');
  if (e.code === 'expired') return say('err.expired');
  if (e.field === 'code') return say(e.code === 'not_found' ? 'err.code' : 'err.code.form');
  if (e.field === 'consent.version') return say('consent.changed');
  if (e.code === 'unavailable' || e.code === 'rate_limited') return say('err.full');
  return say('err.other', { why: `${e.field} ${e.message}` });
}

// Consent

function showConsent(): void {
  if (!notice) return;
  const t = notice[lang];
  at('rec-consent-title').textContent = t.title;
  at('rec-consent-text').replaceChildren(...t.paragraphs.flatMap((p) => [h('dt', {}, p.head), h('dd', {}, p.body)]));
  at('rec-consent-version').textContent = notice.version;
  for (const box of ['voice', 'adult', 'film'] as const) at(`rec-${box}-text`).textContent = t[box];
}

function ticked(id: string): boolean { return at<HTMLInputElement>(id).checked; }

function agree(): void {
  if (!ticked('rec-voice') || !ticked('rec-adult')) return tell('rec-consent-status', () => say('consent.missing'), 'bad');
  tell('rec-consent-status', () => '');
  at<HTMLSelectElement>('rec-speech').value = lang;
  go('about');
}

async function begin(): Promise<void> {
  if (!notice) return;
  const facts: Record<string, string> = {};
  for (const el of document.querySelectorAll<HTMLSelectElement>('[data-fact]')) if (el.value) facts[el.dataset['fact']!] = el.value;
  const button = at<HTMLButtonElement>('rec-begin');
  button.disabled = true;
  try {
    const s = await api.begin({
      lang: at<HTMLSelectElement>('rec-speech').value === 'en' ? 'en' : 'zh', say: at<HTMLSelectElement>('rec-say').value, facts,
      consent: { version: notice.version, lang, voice: ticked('rec-voice'), adult: ticked('rec-adult'), film: ticked('rec-film') },
    });
    code = s.code ?? '';
    save('code', code);
    enter(s);
  } catch (e) {
    if (!(e instanceof api.Refused && e.field === 'consent.version')) return tell('rec-about-status', () => problem(e), 'bad');
    notice = await api.consent();
    for (const id of ['rec-voice', 'rec-adult', 'rec-film']) at<HTMLInputElement>(id).checked = false;
    showConsent();
    tell('rec-consent-status', () => problem(e), 'bad');
    go('consent');
  } finally {
    button.disabled = false;
  }
}

/** Goes on with a session: after the consent, a reload, or with a code. */
function enter(s: Session): void {
  session = s;
  done = new Set(s.done);
  last = null;
  item = nextOf(s.plan, done, 0);
  at('rec-code').textContent = at('rec-code-again').textContent = code;
  if (!item) return finished();
  tell('rec-resume', () => (done.size ? say('sound.resume', { done: done.size, all: s.plan.length }) : ''), 'ok');
  tell('rec-open', () => say(s.film ? 'sound.go.film' : 'sound.go'));
  tell('rec-sound-status', () => '');
  go('sound');
}

function leave(): void {
  close();
  session = null;
  code = '';
  save('code', null);
  for (const id of ['rec-voice', 'rec-adult', 'rec-film']) at<HTMLInputElement>(id).checked = false;
  for (const el of document.querySelectorAll<HTMLSelectElement>('select')) el.selectedIndex = 0; // the next speaker is another
}

// Devices

async function open(): Promise<void> {
  if (!session) return;
  const button = at<HTMLButtonElement>('rec-open');
  button.disabled = true;
  tell('rec-sound-status', () => say('sound.starting'));
  try {
    microphone = await Microphone.open(workletURL(''), heard, () => { pause(); tell('rec-sound-status', () => words(lang)('microphone.lost'), 'bad'); });
    const video = at<HTMLVideoElement>('rec-video');
    video.hidden = !session.film;
    if (session.film) film = await Film.open(video);
    microphone.record(1); // for the meter; nothing is kept
    show();
    go('read');
    at('rec-go').focus({ preventScroll: true });
  } catch (e) {
    close();
    tell('rec-sound-status', () => problem(e), 'bad');
  } finally {
    button.disabled = false;
  }
}

function close(): void {
  reading?.stop();
  microphone?.close();
  film?.close();
  microphone = film = null;
}

function pause(): void {
  close();
  if (session) enter({ ...session, done: [...done] });
}

function heard(message: ArrayBuffer): void {
  if (reading) reading.hear(message);
  else meter(level(new Int16Array(message, 16)));
}

function meter(db: number): void { at<HTMLMeterElement>('rec-meter').value = db; }

// Reading

/** Shows what comes next. */
function show(): void {
  if (!session || !item) return;
  const { plan } = session, s = item;
  tell('rec-title', () => say('read.title', { n: s.n, all: plan.length }));
  tell('rec-kind', () => say(s.paced ? 'read.paced' : 'read.whole'));
  const bar = at<HTMLProgressElement>('rec-progress');
  bar.max = plan.length;
  bar.value = done.size;
  bar.setAttribute('aria-label', say('read.progress', { done: done.size, all: plan.length }));
  plate(null);
  controls();
}

/** While somebody reads, nothing gets or loses the focus and no live region changes: a screen reader would speak into the microphone. */
function controls(): void {
  const busy = reading !== null || sending;
  at('rec-go').setAttribute('aria-disabled', String(busy)); // not "disabled": it keeps the focus
  const key: RecordKey = unsent ? 'read.resend' : item && done.has(item.n) ? 'read.again' : last ? 'read.next' : 'read.go';
  tell('rec-go', () => say(key));
  at<HTMLButtonElement>('rec-redo').disabled = busy || !last;
  tell('rec-pause', () => say(reading ? 'read.stop' : 'read.pause'));
}

/** Puts a digit, or a whole string, on the plate. */
function plate(label: string | null): void {
  const el = at('rec-digit');
  el.dataset['kind'] = label === null ? '' : label.length === 1 ? 'one' : 'all';
  const of = session?.lang ?? 'zh';
  el.replaceChildren(...[...(label ?? '')].map((c) => {
    const { digit, say: how } = cell(c, of);
    return h('div', {}, digit, h('small', { lang: of }, how));
  }));
}

async function read(): Promise<void> {
  if (!session || !microphone || !item || reading || sending) return;
  if (unsent) return send(unsent);
  const r = reading = new Reading(item, microphone, film, {
    show: plate,
    hears: meter,
  });
  tell('rec-status', () => '');
  const el = at('rec-digit');
  el.dataset['kind'] = 'word';
  el.textContent = say('read.wait');
  controls();
  let take: Take | null = null;
  try {
    take = await r.run();
  } catch (e) {
    tell('rec-status', () => problem(e), 'bad');
  } finally {
    reading = null;
  }
  if (!microphone) return; // paused, or lost
  microphone.record(1);
  if (take) return send(take);
  tell('rec-status', () => (document.hidden || hidden ? say('read.hidden') : ''), 'bad');
  hidden = false;
  controls();
  at('rec-go').focus({ preventScroll: true });
}

async function send(take: Take): Promise<void> {
  if (!session) return;
  sending = true;
  controls();
  tell('rec-status', () => say('read.sending'));
  unsent = null;
  let refusal: unknown = null;
  try {
    const v = await api.send(code, take);
    if (v.kept) {
      done.add(take.n);
      last = item;
      item = nextOf(session.plan, done, take.n);
      tell('rec-status', () => say('read.kept'), 'ok');
    } else {
      const key = hintKey(v.hint as Parameters<typeof hintKey>[0]);
      tell('rec-status', () => (v.fault === 'short' || !key ? say('read.short') : words(lang)(key)), 'bad');
    }
  } catch (e) {
    refusal = e;
    if (e instanceof api.Refused && (e.field === 'network' || e.code === 'unavailable' || e.code === 'rate_limited')) unsent = take;
    tell('rec-status', () => problem(e), 'bad');
  }
  sending = false;
  if (refusal instanceof api.Refused && refusal.field === 'code') { // deleted elsewhere; or too late, and the code still deletes
    if (refusal.code === 'not_found') leave();
    else close();
    return end(() => problem(refusal));
  }
  if (!item) return finished();
  show();
  at('rec-go').focus({ preventScroll: true });
}

function redo(): void {
  if (!last || reading || sending) return;
  unsent = null;
  item = last;
  last = null;
  tell('rec-status', () => '');
  if (microphone) {
    show();
    go('read');
    at('rec-go').focus({ preventScroll: true });
  } else if (session) {
    const again = item;
    enter({ ...session, done: [...done].filter((n) => n !== again.n) });
  }
}

function finished(): void {
  close();
  const days = session?.days ?? 0;
  last ??= session?.plan.at(-1) ?? null;
  tell('rec-done', () => say('done.body', { days }));
  go('done');
}

// The code

async function withCode(what: 'continue' | 'delete'): Promise<void> {
  const typed = at<HTMLInputElement>('rec-code-input').value;
  if (what === 'delete' && !sure) {
    sure = true;
    return tell('rec-code-status', () => say('code.sure'), 'bad');
  }
  sure = false;
  try {
    if (what === 'delete') {
      const { speaker } = await api.remove(typed);
      leave();
      at<HTMLInputElement>('rec-code-input').value = '';
      return end(() => say('code.deleted', { speaker }));
    }
    const s = await api.state(typed);
    code = typed.trim().toUpperCase();
    save('code', code);
    enter(s);
  } catch (e) {
    tell('rec-code-status', () => problem(e), 'bad');
  }
}

function askCode(filled: string): void {
  sure = false;
  at<HTMLInputElement>('rec-code-input').value = filled;
  tell('rec-code-status', () => '');
  go('code');
}

let hidden = false;

async function start(): Promise<void> {
  at('rec-insecure').hidden = window.isSecureContext;
  const press: [string, () => void][] = [
    ['rec-agree', agree], ['rec-decline', () => end(() => say('consent.declined'))], ['rec-have', () => askCode('')],
    ['rec-begin', () => void begin()], ['rec-open', () => void open()], ['rec-other', () => { leave(); go('consent'); }],
    ['rec-go', () => void read()], ['rec-redo', redo], ['rec-redo-done', redo], ['rec-pause', () => (reading ? reading.stop() : pause())],
    ['rec-finish', () => { leave(); end(() => say('done.ended')); }], ['rec-done-delete', () => askCode(code)],
    ['rec-code-continue', () => void withCode('continue')], ['rec-code-delete', () => void withCode('delete')],
    ['rec-back', () => (session ? enter({ ...session, done: [...done] }) : go('consent'))], ['rec-again', () => go('consent')],
    ['rec-lang', () => { turnLanguage(); speak(); showConsent(); if (session) controls(); }],
  ];
  for (const [id, f] of press) at(id).addEventListener('click', f);
  at('rec-code-input').addEventListener('input', () => { sure = false; });
  document.addEventListener('keydown', (e) => { if (e.key === 'Escape') reading?.stop(); });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden || !reading) return;
    hidden = true;
    reading.stop();
  });
  speak();
  try {
    notice = await api.consent();
  } catch (e) {
    return end(() => (e instanceof api.Refused && e.code === 'not_found' ? say('off') : problem(e)));
  }
  showConsent();
  go('consent');
  code = saved('code') ?? '';
  if (code) {
    try {
      enter(await api.state(code));
    } catch (e) {
      if (e instanceof api.Refused && e.field === 'code') leave();
    }
  }
  document.documentElement.dataset['ready'] = 'true';
}

void start();
