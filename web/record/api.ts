// The calls of the recording page: /record/api/*.

import type { Lang, Session } from './plan';
import type { Take } from './reading';
import { base64, wav } from './tape';

/** One language of the consent; voicebank.Text. */
export interface Text {
  title: string;
  paragraphs: { head: string; body: string }[];
  voice: string;
  adult: string;
  film: string;
}

/** voicebank.Notice */
export interface Notice { version: string; zh: Text; en: Text }

/** voicebank.Application */
export interface Application {
  lang: Lang;
  say: string;
  facts: Record<string, string>;
  consent: { version: string; lang: Lang; voice: boolean; adult: boolean; film: boolean };
}

/** What became of a string. */
export interface Verdict { kept: boolean; fault: string; hint: string }

/** A refusal of the server; field "network": there was no answer. */
export class Refused extends Error {
  constructor(readonly code: string, readonly field: string, message: string) { super(message); }
}

async function call<T>(path: string, body?: object): Promise<T> {
  let r: Response;
  try {
    r = await fetch(`api/${path}`, body ? { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) } : {});
  } catch {
    throw new Refused('unavailable', 'network', '');
  }
  const answer = (await r.json().catch(() => ({}))) as Record<string, unknown>;
  if (!r.ok) throw new Refused(String(answer['code'] ?? ''), String(answer['field'] ?? ''), String(answer['message'] ?? `HTTP ${r.status}`));
  return answer as T;
}

export const consent = (): Promise<Notice> => call('consent');
export const begin = (a: Application): Promise<Session> => call('begin', a);
export const state = (code: string): Promise<Session> => call('state', { code });
export const remove = (code: string): Promise<{ speaker: string }> => call('delete', { code });

export function send(code: string, t: Take): Promise<Verdict> {
  return call('string', { code, n: t.n, wav: base64(wav(t.samples)), t0: t.t0, shown: t.shown, film: t.film });
}
