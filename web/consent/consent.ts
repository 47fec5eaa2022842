// The page where a person reads what they agreed to, and takes it back: one tap
// with the receipt in the address's fragment, which no server sees.

import { halfOf, languageOf, type Lang } from '../core/text/text';
import { h } from '../sdk/dom';
import { en, zh, type Key } from './text';

/** The server's answer to a receipt. */
interface Given {
  app_name: string;
  given_at: number;
  withdrawn_at: number;
  method: string;
  text: string;
  text_hash: string;
  lang: string;
}

let lang: Lang = languageOf(navigator.language);
let status: { key: Key; values: Record<string, string> } | null = null;
let given: Given | null = null;

const say = (key: Key, values: Record<string, string> = {}): string =>
  (lang === 'en' ? en : zh)[key].replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);

function at<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.querySelector<T>(`[data-testid="${id}"]`)!;
}

function tell(key: Key, values: Record<string, string> = {}): void {
  status = { key, values };
  at('con-status').textContent = say(key, values);
}

function speak(): void {
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
  for (const el of document.querySelectorAll<HTMLElement>('[data-i18n]')) el.textContent = say(el.dataset['i18n'] as Key);
  at('con-lang').lang = lang === 'zh' ? 'en' : 'zh-CN';
  document.title = say('title');
  if (status) tell(status.key, status.values);
  at('con-given').hidden = !given;
  if (!given) return;
  const time = (ms: number): string => new Date(ms).toLocaleString(lang === 'zh' ? 'zh-CN' : 'en-GB');
  const facts: [Key, string][] = [
    ['fact.app', halfOf(given.app_name, lang)], ['fact.time', time(given.given_at)],
    ['fact.method', say(given.method === 'ticks' ? 'fact.ticks' : 'fact.guardian')],
    ['fact.withdrawn', given.withdrawn_at ? time(given.withdrawn_at) : say('fact.none')], ['fact.hash', given.text_hash],
  ];
  at('con-facts').replaceChildren(...facts.flatMap(([k, v]) => [h('dt', {}, say(k)), h('dd', {}, v)]));
  const text = at('con-text');
  text.textContent = given.text;
  text.lang = given.lang === 'zh' ? 'zh-CN' : 'en';
  text.setAttribute('aria-label', say('given'));
}

/** Asks the server; what goes wrong is told. */
async function ask<T>(method: 'POST' | 'DELETE'): Promise<T | null> {
  tell('working');
  try {
    const r = await fetch('/v1/consent', { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ receipt: at<HTMLInputElement>('con-code').value }) });
    if (r.ok) return (await r.json()) as T;
    tell(r.status === 400 ? 'bad' : r.status === 404 ? 'unknown' : 'failed');
  } catch {
    tell('failed');
  }
  return null;
}

async function read(quiet = false): Promise<void> {
  if (!quiet) {
    given = null; // of another receipt, perhaps
    speak();
  }
  const found = await ask<Given>('POST');
  if (!found) return;
  given = found;
  if (!quiet) {
    status = null;
    at('con-status').textContent = '';
  }
  speak();
}

async function withdraw(): Promise<void> {
  const taken = await ask<{ receipt: string; deleted: boolean }>('DELETE');
  if (!taken) return;
  tell(taken.deleted ? 'done' : 'done.session', { receipt: taken.receipt });
  const said = status;
  await read(true);
  if (said) tell(said.key, said.values);
}

/** The receipt in the address; one that was mangled on its way stays as it is, to be put right by hand. */
function receiptOf(hash: string): string {
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

at<HTMLInputElement>('con-code').value = receiptOf(location.hash.slice(1));
at('con-lang').addEventListener('click', () => { lang = lang === 'zh' ? 'en' : 'zh'; speak(); });
at('con-read').addEventListener('click', () => void read());
at('con-withdraw').addEventListener('click', () => void withdraw());
speak();
