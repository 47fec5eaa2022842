// What every screen of the recording page needs: its language, its elements, its
// texts, and which screen is shown.

import { languageOf } from '../core/text/text';
import type { Lang } from './plan';
import { en, zh, type RecordKey } from './text';

const STORE = 'faceproof-record';

export let lang: Lang = saved('lang') === 'zh' ? 'zh' : saved('lang') === 'en' ? 'en' : languageOf(navigator.language);

/** Changes the language, for the next visit too. */
export function turnLanguage(): void {
  lang = lang === 'zh' ? 'en' : 'zh';
  save('lang', lang);
}

export function saved(name: string): string | null {
  try {
    return localStorage.getItem(`${STORE}-${name}`);
  } catch {
    return null; // storage may be switched off: then a reload begins anew, with the code
  }
}

export function save(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`${STORE}-${name}`);
    else localStorage.setItem(`${STORE}-${name}`, value);
  } catch {
    // it then holds for this page alone
  }
}

export function say(key: RecordKey, values: Record<string, string | number> = {}): string {
  return (lang === 'en' ? en : zh)[key].replace(/\{(\w+)\}/g, (all, n: string) => String(values[n] ?? all));
}

export function at<T extends HTMLElement>(id: string): T {
  const el = document.querySelector<T>(`[data-testid="${id}"]`);
  if (!el) throw new Error(`the page lacks ${id}`);
  return el;
}

// Texts that the program has set, so that a change of language reaches them.
const live = new Map<HTMLElement, () => string>();

export function tell(id: string, text: () => string, kind = ''): void {
  const el = at(id);
  live.set(el, text);
  el.textContent = text();
  el.dataset['kind'] = kind;
}

/** Puts every text in the language. */
export function speak(): void {
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
  document.title = say('title');
  for (const el of document.querySelectorAll<HTMLElement>('[data-i18n]')) el.textContent = say(el.dataset['i18n'] as RecordKey);
  for (const [el, text] of live) el.textContent = text();
}

export type Screen = 'consent' | 'about' | 'sound' | 'read' | 'done' | 'code' | 'end';

/** Shows a screen; its heading gets the focus. */
export function go(screen: Screen): void {
  document.body.dataset['screen'] = screen;
  for (const el of document.querySelectorAll<HTMLElement>('[data-of]')) el.hidden = el.dataset['of'] !== screen;
  const head = document.querySelector<HTMLElement>(`[data-of=${screen}] h2`);
  window.scrollTo(0, 0);
  head?.focus({ preventScroll: true });
}
