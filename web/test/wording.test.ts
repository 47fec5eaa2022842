import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import * as page from '../consent/text';
import { begin } from '../core/machine';
import { en } from '../core/text/en';
import { words, WORDING } from '../core/text/text';
import { zh } from '../core/text/zh';
import { inLanguage, type Session } from '../sdk/api';
import { content } from '../sdk/screens';
import { SESSION } from './world';

const consent = join(WEB_DIR, '..', 'internal', 'consent');
const deck = (v: number): Record<'zh' | 'en', Record<string, string>> => JSON.parse(readFileSync(join(consent, 'wording', `${v}.json`), 'utf8'));

// What a person agreed to is proved by the server's copy of these texts. A text
// of the consent page that changes needs another file and another number.
test('the server keeps these very texts under their version', () => {
  const kept = deck(WORDING);
  assert.equal(existsSync(join(consent, 'wording', `${WORDING + 1}.json`)), false, 'a newer deck, but not in use');
  for (const [lang, mine] of [['zh', zh], ['en', en]] as const) {
    assert.deepEqual(Object.keys(kept[lang]).filter((k) => !(k in mine)), []);
    for (const [k, v] of Object.entries(kept[lang])) assert.equal((mine as Record<string, string>)[k], v, `${lang} ${k}: make wording/${WORDING + 1}.json`);
    const needed = Object.keys(zh).filter((k) => /^(consent|notice)\./.test(k) && k !== 'consent.missing');
    assert.deepEqual(needed.filter((k) => !(k in kept[lang])), []);
  }
});

/** As much of an element as a screen needs. */
class Element {
  readonly children: (Element | string)[] = [];
  checked = false; value = '';
  constructor(readonly tag: string) {}
  setAttribute(): void {}
  addEventListener(): void {}
  append(...c: (Element | string)[]): void { this.children.push(...c); }
  get textContent(): string { return this.children.map((c) => (typeof c === 'string' ? c : c.textContent)).join('\n'); }
  set textContent(t: string) { this.children.push(t); }
}

// testdata holds what the Go side says the page shows, made by its own tests.
test('every line that the server keeps as the text stands on the page', () => {
  Object.assign(globalThis, { document: { createElement: (tag: string) => new Element(tag) }, location: { href: 'https://app/' }, window: {} });
  const cases = JSON.parse(readFileSync(join(consent, 'testdata', 'pages.json'), 'utf8')) as { lang: 'zh' | 'en'; session: Partial<Session>; text: string }[];
  assert(cases.length >= 6);
  for (const c of cases) {
    const session = inLanguage({ ...SESSION, ...c.session }, c.lang);
    const setting = { session, say: words(c.lang), send: () => undefined, cameras: [], cameraId: '', chooseCamera: () => undefined, server: '', mayRead: false };
    const shown = (content(begin(), setting) as unknown as Element[]).map((e) => e.textContent).join('\n').split('\n');
    const wanted = c.text.trim().split('\n').flatMap((line) => line.replace(/^\[ \] |^\( \) /, '').split(/(?<=^[^:]{1,60}): /)).map((x) => x.replaceAll('{child}', session.masked_name));
    const lines = shown.join('\n');
    for (const w of wanted.flatMap((x) => x.split(' / '))) assert(lines.includes(w), `${c.lang}: not on the page: ${w}\n${lines}`);
  }
});

test('the page of withdrawal has the same wordings in both languages', () => {
  assert.deepEqual(Object.keys(page.en).sort(), Object.keys(page.zh).sort());
  for (const k of Object.keys(page.zh) as page.Key[]) {
    assert(page.zh[k].trim() !== '' && page.en[k].trim() !== '', k);
    if (k !== 'lang') {
      assert.match(page.zh[k], /[\u4e00-\u9fff]/, k);
      assert.doesNotMatch(page.en[k], /[\u4e00-\u9fff]/, k);
    }
    const holes = (s: string): string => (s.match(/\{\w+/g) ?? []).sort().join();
    assert.equal(holes(page.en[k]), holes(page.zh[k]), k);
  }
});
