import assert from 'node:assert/strict';
import { test } from 'node:test';

import { begin, reduce, type Event, type Screen, type State } from '../core/machine';
import type { Prompt, Welcome } from '../core/protocol';
import { words } from '../core/text/text';
import type { Session } from '../sdk/api';
import { content, readingText, type Setting } from '../sdk/screens';
import { SESSION } from './world';

/** As much of an element as a screen needs. */
class Element {
  readonly attributes: Record<string, string> = {};
  readonly listeners: Record<string, () => void> = {};
  readonly children: (Element | string)[] = [];
  checked = false;
  value = '';
  private own = '';
  constructor(readonly tag: string) {}
  setAttribute(name: string, value: string): void { this.attributes[name] = value; }
  addEventListener(name: string, f: () => void): void { this.listeners[name] = f; }
  append(...children: (Element | string)[]): void { this.children.push(...children); }
  get textContent(): string { return this.own + this.children.map((c) => (typeof c === 'string' ? c : c.textContent)).join(' '); }
  set textContent(text: string) { this.own = text; }
  find(id: string): Element | undefined {
    if (this.attributes['data-testid'] === id) return this;
    for (const c of this.children) {
      const found = typeof c === 'string' ? undefined : c.find(id);
      if (found) return found;
    }
    return undefined;
  }
}

/** What a state shows, and what it sends. */
function shown(state: State, session: Session, lang: 'zh' | 'en', more: Partial<Setting> = {}): { all: Element; sent: Event[] } {
  const sent: Event[] = [];
  Object.assign(globalThis, { document: { createElement: (tag: string) => new Element(tag) }, location: { href: 'https://app/' }, window: {} });
  const all = new Element('main');
  const setting = { session, say: words(lang), send: (e: Event) => { sent.push(e); }, cameras: [], cameraId: '', chooseCamera: () => undefined, server: 'https://s', mayRead: false, ...more };
  all.append(...content(state, setting) as unknown as Element[]);
  return { all, sent };
}

/** The consent screen of a session, and what it sends. */
const consent = (session: Session, lang: 'zh' | 'en'): { all: Element; sent: Event[] } => shown(begin(), session, lang);

const WHOM: Session = { ...SESSION, app: { name: 'A-Bank' }, masked_name: '**试', notice: { ...SESSION.notice, purpose: 'open account 7', handler: 'H', contact: 'C', alternative: 'D' } };

// security.md T07: who is led into another's session must be able to see it.
test('the first screen says for which app, for what and for whom, and waits for a tap', () => {
  for (const lang of ['zh', 'en'] as const) {
    assert.equal(begin().screen, 'consent');
    const { all, sent } = consent(WHOM, lang);
    const say = words(lang);
    for (const text of [say('context.confirm', { app: 'A-Bank', purpose: 'open account 7' }), say('context.subject', { name: '**试' })]) assert.equal(all.textContent.includes(text), true, text);
    for (const word of ['A-Bank', 'open account 7', '**试']) assert.equal(all.textContent.includes(word), true, `${lang}: ${word}`);
    assert.match(say('context.confirm', { app: '', purpose: '' }), lang === 'zh' ? /本人.*代为操作.*退出/ : /yourself.*for them.*leave now/);
    assert.deepEqual(sent, [], 'nothing goes on by itself');
    const [agree, ...ticks] = ['fp-agree', 'fp-consent-separate', 'fp-consent-transfer'].map((id) => all.find(id)!);
    agree!.listeners['click']!();
    ticks[0]!.checked = true;
    agree!.listeners['click']!();
    assert.deepEqual(sent, [], 'without both ticks');
    ticks[1]!.checked = true;
    agree!.listeners['click']!();
    assert.deepEqual(sent, [{ type: 'agree' }]);
  }
});

test('who consents where digits may be read hears of the sound, and nobody else', () => {
  for (const lang of ['zh', 'en'] as const) {
    const loud = consent({ ...WHOM, notice: { ...WHOM.notice, sound: true } }, lang).all;
    assert.match(loud.find('fp-sound')!.textContent, lang === 'zh' ? /声音.*不提取声纹/ : /sound.*no voiceprint/);
    assert.match(loud.find('fp-details')!.textContent, lang === 'zh' ? /您的声音/ : /sound of your voice/);
    const quiet = consent(WHOM, lang).all;
    assert.equal(quiet.find('fp-sound'), undefined);
    assert.doesNotMatch(quiet.textContent, lang === 'zh' ? /声音|录音/ : /sound|microphone/);
  }
});

test('reading aloud is explained before the microphone is asked for, with the other way beside it', () => {
  for (const lang of ['zh', 'en'] as const) {
    const say = words(lang);
    const first: State = { ...begin('digits'), screen: 'digits' };
    const { all, sent } = shown(first, WHOM, lang);
    for (const key of ['digits.notice', 'digits.step1', 'digits.light', 'digits.reader', 'digits.microphone', 'warn.camera'] as const) assert(all.textContent.includes(say(key)), key);
    assert.equal(all.find('fp-digits-why'), undefined);
    all.find('fp-digits-continue')!.listeners['click']!();
    all.find('fp-other')!.listeners['click']!();
    assert.deepEqual(sent, [{ type: 'continue' }, { type: 'decline' }]);
    const later = shown({ ...first, camera: true, switched: true }, WHOM, lang).all;
    assert.equal(later.find('fp-digits-why')!.textContent, say('digits.why'));
    assert.equal(later.textContent.includes(say('warn.camera')), false, 'the camera runs already');
    const asking = shown({ ...first, microphone: 'asking' }, WHOM, lang).all;
    assert.deepEqual([asking.textContent.includes(say('digits.starting')), asking.find('fp-digits-continue'), asking.find('fp-other') !== undefined], [true, undefined, true]);
  }
});

test('reduced motion is spoken of where something changes', () => {
  const state: State = { ...begin('digits'), screen: 'digits' };
  const { all } = shown(state, WHOM, 'en');
  assert.equal(all.textContent.includes(words('en')('digits.motion')), false);
  Object.assign(globalThis, { window: { matchMedia: () => ({ matches: true }) } });
  const setting = { session: WHOM, say: words('en'), send: () => undefined, cameras: [], cameraId: '', chooseCamera: () => undefined, server: 'https://s', mayRead: false };
  const still = (content(state, setting) as unknown as Element[]).map((e) => e.textContent).join(' ');
  assert.equal(still.includes(words('en')('digits.motion')), true);
});

test('while the microphone listens nothing on the page is for a screen reader to say', () => {
  const prompt: Prompt = { type: 'prompt', attempt: 1, index: 2, digits: '7', rgb: null };
  const state: State = { ...begin('digits'), screen: 'reading', camera: true, microphone: 'on', reading: { digits: 6, paced: true, light: true }, prompt };
  const { all } = shown(state, WHOM, 'zh');
  assert.deepEqual([all.find('fp-digit')!.textContent, all.find('fp-progress')!.textContent], ['7', '3 / 6']);
  const silent = (e: Element): void => {
    assert.equal(e.attributes['aria-hidden'], 'true', e.tag);
    for (const name of ['aria-live', 'role', 'tabindex', 'aria-label']) assert.equal(e.attributes[name], undefined, `${e.tag} has ${name}`);
    assert.notEqual(e.tag, 'h1', 'a heading gets the focus, and is said');
  };
  for (const c of all.children) silent(c as Element);
  assert.deepEqual(readingText({ ...state, prompt: null }), { digits: '', progress: '0 / 6' });
  assert.deepEqual(readingText({ ...state, prompt: { ...prompt, index: 0, digits: '7385' }, reading: { digits: 4, paced: false, light: false } }), { digits: '7385', progress: '' });
});

test('another method for the next attempt is told with its reason', () => {
  for (const lang of ['zh', 'en'] as const) {
    const state: State = { ...begin(), screen: 'retry', hint: 'too_bright', method: 'digits', switched: true, attemptsLeft: 2 };
    const { all } = shown(state, WHOM, lang);
    assert.equal(all.find('fp-switched')!.textContent, words(lang)('retry.digits'));
    assert(all.textContent.includes(words(lang)('hint.too_bright')));
    assert.equal(shown({ ...state, switched: false }, WHOM, lang).all.find('fp-switched'), undefined);
  }
});

test('each fault of the microphone has its words, a way to try again and the other way', () => {
  for (const fault of ['denied', 'missing', 'busy', 'unsupported', 'lost'] as const) {
    const { all, sent } = shown({ ...begin('digits'), screen: 'microphone_error', microphone: fault }, WHOM, 'en');
    assert.equal(all.find('fp-microphone-error')!.textContent, words('en')(`microphone.${fault}`));
    all.find('fp-retry')!.listeners['click']!();
    all.find('fp-other')!.listeners['click']!();
    assert.deepEqual(sent, [{ type: 'retry' }, { type: 'decline' }]);
  }
});

test('digits instead of colours are offered where the app leaves the choice, before the camera runs', () => {
  const state: State = { ...begin(), screen: 'warning' };
  assert.equal(shown(state, WHOM, 'zh').all.find('fp-digits'), undefined);
  assert.equal(shown({ ...state, camera: true }, WHOM, 'zh', { mayRead: true }).all.find('fp-digits'), undefined);
  const { all, sent } = shown(state, WHOM, 'zh', { mayRead: true });
  all.find('fp-digits')!.listeners['click']!();
  assert.deepEqual(sent, [{ type: 'read_instead' }]);
});

test('the alternative is on every screen before the result, as large as what is beside it', () => {
  const screens: Screen[] = ['consent', 'minor', 'warning', 'camera', 'camera_error', 'digits', 'microphone_error', 'guide', 'analysing', 'retry', 'fail', 'trouble'];
  for (const lang of ['zh', 'en'] as const) {
    for (const screen of screens) {
      const { all, sent } = shown({ ...begin(), screen, camera: true, fault: 'denied' }, WHOM, lang);
      const other = all.find('fp-other');
      assert(other, `${screen} has no other way`);
      assert.equal(other.tag, 'button', screen);
      other.listeners['click']!();
      assert.deepEqual(sent, [{ type: 'decline' }], screen);
    }
    assert(shown({ ...begin(), screen: 'alternative' }, WHOM, lang).all.find('fp-alternative')!.textContent.includes('D'));
  }
});

test('nothing is ticked beforehand, and the boxes are apart', () => {
  for (const lang of ['zh', 'en'] as const) {
    const { all } = consent({ ...WHOM, minor: 'guardian' }, lang);
    for (const id of ['fp-consent-separate', 'fp-consent-transfer', 'fp-consent-guardian']) {
      const box = all.find(id)!;
      assert.deepEqual([box.attributes['type'], box.attributes['checked'], box.checked], ['checkbox', undefined, false], id);
    }
  }
});

test('for a person under 14 a guardian ticks and says who they are', () => {
  const { all, sent } = consent({ ...WHOM, minor: 'guardian' }, 'zh');
  const [agree, guardian, role, ...ticks] = ['fp-agree', 'fp-consent-guardian', 'fp-guardian-role', 'fp-consent-separate', 'fp-consent-transfer'].map((id) => all.find(id)!);
  for (const t of ticks) t!.checked = true;
  agree!.listeners['click']!();
  guardian!.checked = true;
  agree!.listeners['click']!();
  assert.deepEqual(sent, [], 'without a role');
  assert(all.textContent.includes(words('zh')('minor.missing')));
  role!.value = 'parent';
  agree!.listeners['click']!();
  assert.deepEqual(sent, [{ type: 'agree', guardian: 'parent' }]);
  assert(all.textContent.includes(words('zh')('minor.guardian', { child: '**试' })));
  const adult = consent(WHOM, 'zh').all;
  assert.equal(adult.find('fp-consent-guardian'), undefined);
});

test('who is under 14 where the app refuses sees the other way first, and no consent', () => {
  for (const lang of ['zh', 'en'] as const) {
    const first = begin('flash', true);
    assert.equal(first.screen, 'minor');
    assert.deepEqual(reduce(first, { type: 'agree' }), [first, []], 'there is nothing to agree to');
    assert.equal(reduce(first, { type: 'decline' })[0].screen, 'alternative');
    assert.deepEqual(reduce(first, { type: 'cancel' })[0].outcome, { kind: 'cancel', stage: 90002 });
    assert.equal(shown(first, { ...WHOM, minor: 'refused' }, lang).all.find('fp-minor')!.textContent, words(lang)('minor.block'));
  }
});

test('wherever it ends after the consent, the receipt and the way to withdraw are there', () => {
  const welcome = { receipt: 'AAAA-BBBB' } as Welcome;
  for (const screen of ['pass', 'fail', 'trouble', 'alternative'] as const) {
    const { all } = shown({ ...begin(), screen, welcome }, WHOM, 'en');
    assert(all.find('fp-withdraw'), screen);
    assert.equal(all.find('fp-withdraw')!.attributes['href'], 'https://s/consent/#AAAA-BBBB');
    assert(all.find('fp-receipt')!.textContent.includes('AAAA-BBBB'));
    assert.equal(shown({ ...begin(), screen }, WHOM, 'en').all.find('fp-receipt'), undefined, 'an older server');
  }
});
