// What each screen says: pure building of elements from the state. The order of
// the screens and their wording are rules (notice, separate consent that is not
// ticked beforehand, refusing as easy as agreeing), not taste.

import type { Event, Screen, State } from '../core/machine';
import type { Guardian } from '../core/protocol';
import type { TextKey, Words } from '../core/text/text';
import type { Session } from './api';
import { h, safeLink } from './dom';

/** What a screen needs to know beside the state. */
export interface Setting {
  session: Session;
  /** base URL of the server, where a consent is read and withdrawn */
  server: string;
  say: Words;
  send: (e: Event) => void;
  cameras: { id: string; label: string }[];
  cameraId: string;
  chooseCamera: (id: string) => void;
  /** the person may read digits instead of seeing colours */
  mayRead: boolean;
}

/** The content of a screen; its first element is the heading. */
export function content(s: State, c: Setting): HTMLElement[] {
  return screens[s.screen](s, c);
}

/** The advice on the guide screen. */
export function guideText(s: State): TextKey {
  if (s.socket !== 'open') return 'guide.connecting';
  if (s.good) return 'guide.ok';
  return s.hint === '' ? 'guide.wait' : `hint.${s.hint}`;
}

/** What of the reading screen changes: the plate, and how far it is. */
export function readingText(s: State): { digits: string; progress: string } {
  const n = s.reading?.digits ?? 0;
  return {
    digits: s.prompt?.digits ?? '',
    progress: !s.reading?.paced ? '' : `${s.prompt ? s.prompt.index + 1 : 0} / ${n}`,
  };
}

function microphoneText(s: State): TextKey {
  const m = s.microphone;
  return m === 'off' || m === 'asking' || m === 'on' ? 'microphone.busy' : `microphone.${m}`;
}

const screens: Record<Screen, (s: State, c: Setting) => HTMLElement[]> = {
  consent, minor, alternative, warning,
  camera: (_, c) => [head(c.say('camera.starting')), busy(), row(other(c))],
  camera_error: (s, c) => noDevice(c, `camera.${s.fault ?? 'busy'}`, 'fp-camera-error'),
  digits: (s, c) => (s.microphone === 'asking' ? [head(c.say('digits.starting')), busy(), row(other(c))] : digits(s, c)),
  microphone_error: (s, c) => noDevice(c, microphoneText(s), 'fp-microphone-error'),
  guide,
  reading,
  flash: (_, c) => [head(c.say('flash.hold'))],
  analysing: (_, c) => [head(c.say('analysing.title')), busy(), h('p', {}, c.say('analysing.body')), row(other(c))],
  retry: retryScreen,
  pass: (s, c) => [
    mark('✓', 'ok'), head(c.say('result.pass.title')), h('p', {}, c.say('result.pass', { app: c.session.app.name })),
    row(button(c, 'done', 'fp-done', { type: 'done' })), ...receipt(s, c),
  ],
  fail: (s, c) => [
    mark('!'), head(c.say('result.fail.title')), h('p', {}, c.say('result.fail')),
    h('p', { class: 'note' }, c.say('result.review', { contact: c.session.notice.contact })),
    row(button(c, 'close', 'fp-done', { type: 'done' }), other(c)), ...receipt(s, c),
  ],
  trouble: (s, c) => [
    mark('!'), head(c.say('trouble.title')), h('p', {}, c.say(s.trouble ?? 'trouble.unknown')),
    row(button(c, 'close', 'fp-done', { type: 'done' }), other(c)), ...receipt(s, c),
  ],
  closed: () => [],
};

function head(text: string): HTMLElement { return h('h1', { tabindex: -1 }, text); }

function busy(): HTMLElement { return h('div', { class: 'busy', 'aria-hidden': 'true' }); }

function mark(sign: string, kind = ''): HTMLElement { return h('div', { class: `mark ${kind}`, 'aria-hidden': 'true' }, sign); }

function row(...children: HTMLElement[]): HTMLElement { return h('div', { class: 'row' }, ...children); }

function button(c: Setting, key: TextKey, id: string, e: Event, kind = ''): HTMLButtonElement {
  return h('button', { type: 'button', class: kind, 'data-testid': id, click: () => c.send(e) }, c.say(key));
}

/** The other way: always the size and weight of the button beside it. */
function other(c: Setting, key: TextKey = 'other'): HTMLButtonElement {
  return button(c, key, 'fp-other', { type: 'decline' }, 'other');
}

/** The person's receipt, and the way to withdraw, wherever a session ends after the consent: one tap here and one there. */
function receipt(s: State, c: Setting): HTMLElement[] {
  const code = s.welcome?.receipt;
  if (!code) return [];
  return [h('div', { class: 'box', 'data-testid': 'fp-receipt' },
    h('p', { class: 'note' }, c.say('receipt.text', { receipt: code })),
    // In the fragment: it reaches no log.
    h('a', { href: `${c.server}/consent/#${code}`, target: '_blank', rel: 'noopener', 'data-testid': 'fp-withdraw' }, c.say('receipt.open')))];
}

/** Under 14, and the app lets nobody of that age in by face: no camera was opened. */
function minor(_: State, c: Setting): HTMLElement[] {
  return [
    head(c.say('minor.title')), h('p', { 'data-testid': 'fp-minor' }, c.say('minor.block')),
    h('p', {}, c.say('alt.body', { methods: c.session.notice.alternative })),
    row(other(c), button(c, 'close', 'fp-done', { type: 'cancel' }, 'other')),
  ];
}

/** Who consents for a child: a box of their own and their role. */
function guardian(c: Setting, changed: () => void): { box: HTMLElement[]; who: () => Guardian | null } {
  const input = h('input', { type: 'checkbox', 'data-testid': 'fp-consent-guardian', autocomplete: 'off', change: changed });
  const select = h('select', { 'data-testid': 'fp-guardian-role', change: changed });
  for (const role of ['none', 'parent', 'guardian'] as const) select.append(h('option', { value: role === 'none' ? '' : role }, c.say(`minor.role.${role}`)));
  return {
    box: [
      h('label', { class: 'tick' }, input, h('span', {}, c.say('minor.guardian', { child: c.session.masked_name }))),
      h('label', {}, c.say('minor.role'), ' ', select),
    ],
    who: () => (input.checked && (select.value === 'parent' || select.value === 'guardian') ? select.value : null),
  };
}

function consent(_: State, c: Setting): HTMLElement[] {
  const { app, notice, masked_name } = c.session;
  const tick = (id: string, key: TextKey): [HTMLElement, HTMLInputElement] => {
    const input = h('input', { type: 'checkbox', 'data-testid': id, autocomplete: 'off', change: () => update() });
    return [h('label', { class: 'tick' }, input, h('span', {}, c.say(key))), input];
  };
  const [separateRow, separate] = tick('fp-consent-separate', 'consent.separate');
  const [transferRow, transfer] = tick('fp-consent-transfer', 'consent.transfer');
  const missing = h('p', { class: 'bad', role: 'alert' });
  const child = c.session.minor === 'guardian' ? guardian(c, () => update()) : null;
  const both = (): boolean => separate.checked && transfer.checked && (!child || child.who() !== null);
  const agree = h('button', {
    type: 'button', 'data-testid': 'fp-agree',
    click: () => {
      const who = child?.who();
      if (both()) c.send(who ? { type: 'agree', guardian: who } : { type: 'agree' });
      else missing.textContent = c.say(separate.checked && transfer.checked ? 'minor.missing' : 'consent.missing');
    },
  }, c.say('consent.agree'));
  // Not "disabled": it stays reachable by keyboard and can say what is missing.
  const update = (): void => {
    agree.setAttribute('aria-disabled', String(!both()));
    if (both()) missing.textContent = '';
  };
  update();
  const video = c.session.upload_video === true;
  const kept = video ? 'consent.retention.video' : notice.keeps_image ? 'consent.retention.image' : 'consent.retention';
  const retention = c.say(kept, { app: app.name, days: notice.retention_days, handler: notice.handler });
  return [
    head(c.say('consent.title')),
    h('div', { class: 'box' },
      h('p', {}, c.say('context.confirm', { app: app.name, purpose: notice.purpose })),
      masked_name ? h('p', {}, c.say('context.subject', { name: masked_name })) : null,
      child ? h('p', { 'data-testid': 'fp-child' }, c.say('minor.present')) : null),
    h('p', {}, c.say('consent.body', { purpose: notice.purpose, handler: notice.handler, retention })),
    ...(sound(c) ? [h('p', { 'data-testid': 'fp-sound' }, c.say('consent.sound'))] : []),
    ...(video ? [h('p', { class: 'box warn', 'data-testid': 'fp-video' }, c.say('consent.video', { days: notice.retention_days }))] : []),
    details(c, retention),
    h('div', { class: 'box' }, separateRow, transferRow, ...(child?.box ?? [])),
    missing,
    row(agree, other(c, 'consent.decline')),
  ];
}

/** Whether the person may be asked to read aloud. */
function sound(c: Setting): boolean { return c.session.method === 'digits' || c.session.notice.sound === true; }

/** The fields that a notice must have, each under its own name. */
function details(c: Setting, retention: string): HTMLElement {
  const n = c.session.notice;
  const who = { handler: n.handler };
  const items: [TextKey, string][] = [
    ['notice.handler', n.handler], ['notice.contact', n.contact], ['notice.officer', n.officer ?? ''], ['notice.purpose', n.purpose],
    ['notice.method', c.say('notice.method.text')], ['notice.data', c.say(c.session.upload_video ? 'notice.data.video' : 'notice.data.text') + (sound(c) ? c.say('notice.data.sound') : '')],
    ['notice.necessity', n.necessity], ['notice.retention', retention],
    ['notice.place', n.place || c.say('notice.place.text', who)], ['notice.transfer', c.say('notice.transfer.text', who)],
    ['notice.processors', n.processors || c.say('notice.processors.text', who)],
    ['notice.rights', c.say('notice.rights.text')], ['notice.automated', c.say('notice.automated.text')],
    ['notice.minor', c.say(n.guardian ? 'notice.minor.guardian' : 'notice.minor.text')],
    ['notice.alternative', c.say('alt.body', { methods: n.alternative })],
    ['notice.version', c.session.notice_hash.slice(0, 16)],
  ];
  const list = h('dl', {});
  for (const [k, v] of items) if (v !== '') list.append(h('dt', {}, c.say(k)), h('dd', {}, v));
  return h('details', { class: 'box', 'data-testid': 'fp-details' }, h('summary', {}, c.say('consent.details')), list);
}

function alternative(s: State, c: Setting): HTMLElement[] {
  const { notice } = c.session;
  const link = notice.alternative_to ? safeLink(notice.alternative_to) : null;
  const buttons: HTMLElement[] = [];
  if (link) {
    buttons.push(h('a', { class: 'button', href: link, 'data-testid': 'fp-alternative-link', rel: 'noopener', click: () => c.send({ type: 'cancel' }) }, c.say('alt.open')));
  }
  if (s.back) buttons.push(button(c, 'back', 'fp-back', { type: 'back' }, 'other'));
  buttons.push(button(c, 'close', 'fp-done', { type: 'cancel' }, 'other'));
  return [
    head(c.say('alt.title')),
    h('p', { 'data-testid': 'fp-alternative' }, c.say('alt.body', { methods: notice.alternative })),
    row(...buttons), ...receipt(s, c),
  ];
}

function warning(s: State, c: Setting): HTMLElement[] {
  return [
    head(c.say('warn.title')),
    h('div', { class: 'box warn' },
      h('p', {}, c.say('warn.body')), still() ? h('p', { class: 'bad' }, c.say('warn.motion')) : null),
    h('ul', {}, h('li', {}, c.say('warn.step1')), h('li', {}, c.say('warn.step2')), h('li', {}, c.say('warn.step3'))),
    ...(s.camera ? [] : [h('p', { class: 'note' }, c.say('warn.camera'))]),
    row(
      button(c, 'warn.continue', 'fp-warning-continue', { type: 'continue' }),
      ...(c.mayRead && !s.camera ? [button(c, 'warn.digits', 'fp-digits', { type: 'read_instead' }, 'other')] : []),
      other(c),
    ),
  ];
}

/** What reading aloud is, before the microphone is asked for. */
function digits(s: State, c: Setting): HTMLElement[] {
  return [
    head(c.say('digits.title')),
    ...(s.switched ? [h('p', { class: 'box', 'data-testid': 'fp-digits-why' }, c.say('digits.why'))] : []),
    h('div', { class: 'box' }, h('p', {}, c.say('digits.notice'))),
    h('ul', {}, h('li', {}, c.say('digits.step1')), h('li', {}, c.say('digits.step2')), h('li', {}, c.say('digits.step3'))),
    h('div', { class: 'box warn' }, h('p', {}, c.say('digits.light')), still() ? h('p', {}, c.say('digits.motion')) : null),
    h('p', { class: 'note' }, c.say('digits.reader')),
    ...(s.camera ? [] : [h('p', { class: 'note' }, c.say('warn.camera'))]),
    h('p', { class: 'note' }, c.say('digits.microphone')),
    row(button(c, 'warn.continue', 'fp-digits-continue', { type: 'continue' }), other(c)),
  ];
}

/**
 * The digits are for the eyes only: spoken by a screen reader they would reach
 * the microphone. So nothing here is a live region, a heading or a place for
 * the focus, and the page before has said so.
 */
function reading(s: State, c: Setting): HTMLElement[] {
  const text = readingText(s);
  return [
    h('div', { class: s.reading?.paced === false ? 'plate all' : 'plate', 'aria-hidden': 'true', 'data-testid': 'fp-digit' }, text.digits),
    h('p', { class: 'progress', 'aria-hidden': 'true', 'data-testid': 'fp-progress' }, text.progress),
    h('p', { class: 'pill', 'aria-hidden': 'true' }, c.say('reading.say')),
  ];
}

function still(): boolean { return window.matchMedia?.('(prefers-reduced-motion: reduce)').matches === true; }

function noDevice(c: Setting, key: TextKey, id: string): HTMLElement[] {
  return [
    mark('!'), head(c.say('trouble.title')),
    h('p', { role: 'alert', 'data-testid': id }, c.say(key)),
    row(button(c, 'retry', 'fp-retry', { type: 'retry' }), other(c)),
  ];
}

function guide(_: State, c: Setting): HTMLElement[] {
  const out = [head(c.say('guide.title'))];
  if (c.cameras.length > 1) {
    const select = h('select', { 'data-testid': 'fp-camera', change: () => c.chooseCamera(select.value) });
    for (const d of c.cameras) {
      const o = h('option', { value: d.id }, d.label);
      o.selected = d.id === c.cameraId;
      select.append(o);
    }
    out.push(h('label', { class: 'note' }, c.say('camera.choose'), ' ', select));
  }
  out.push(row(other(c)));
  return out;
}

function retryScreen(s: State, c: Setting): HTMLElement[] {
  return [
    mark('!'), head(c.say('result.fail.title')),
    h('p', { class: 'hint' }, s.hint === '' ? null : c.say(`hint.${s.hint}`)),
    h('p', {}, c.say('result.retry', { n: s.attemptsLeft })),
    ...(s.switched ? [h('p', { class: 'box', 'data-testid': 'fp-switched' }, c.say(`retry.${s.method}`))] : []),
    row(button(c, 'retry', 'fp-retry', { type: 'retry' }), other(c)),
  ];
}
