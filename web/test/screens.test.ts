import assert from 'node:assert/strict';
import { test } from 'node:test';

import { begin, type Event } from '../core/machine';
import { words } from '../core/text/text';
import type { Session } from '../sdk/api';
import { content } from '../sdk/screens';
import { SESSION } from './world';

/** As much of an element as a screen needs. */
class Element {
  readonly attributes: Record<string, string> = {};
  readonly listeners: Record<string, () => void> = {};
  readonly children: (Element | string)[] = [];
  checked = false;
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

/** The consent screen of a session, and what it sends. */
function consent(session: Session, lang: 'zh' | 'en'): { all: Element; sent: Event[] } {
  const sent: Event[] = [];
  Object.assign(globalThis, { document: { createElement: (tag: string) => new Element(tag) }, location: { href: 'https://app/' } });
  const all = new Element('main');
  const setting = { session, say: words(lang), send: (e: Event) => { sent.push(e); }, cameras: [], cameraId: '', chooseCamera: () => undefined, mayRead: false };
  all.append(...content(begin(), setting) as unknown as Element[]);
  return { all, sent };
}

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
