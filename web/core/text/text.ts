// Finding the words: language choice and {placeholders}.

import { en } from './en';
import { zh, type TextKey } from './zh';
import type { Hint } from '../protocol';

export type { TextKey };

/**
 * The version of what a person reads before consenting. The server keeps each
 * version (internal/consent/wording) to prove later what was read: whoever
 * changes such a text adds a version, and wording.test.ts says so.
 */
export const WORDING = 1;

/** The languages there are. */
export type Lang = 'zh' | 'en';

/** Gives wording in one language; the values fill its {placeholders}, {n|day|days} as "1 day" or "7 days". */
export type Words = (key: TextKey, values?: Record<string, string | number>) => string;

/** Chooses a language from a tag such as "zh-CN"; Chinese comes first. */
export function languageOf(tag: string | undefined): Lang {
  return !tag || /^zh\b/i.test(tag) ? 'zh' : 'en';
}

/** The words of a language. */
export function words(lang: Lang): Words {
  const all = lang === 'en' ? en : zh;
  return (key, values = {}) => all[key].replace(/\{(\w+)(?:\|([^|}]+)\|([^|}]+))?\}/g, (whole, name: string, one?: string, many?: string) => {
    if (!Object.prototype.hasOwnProperty.call(values, name)) return whole;
    const value = String(values[name]);
    return one && many ? `${value} ${value === '1' ? one : many}` : value;
  });
}

/**
 * The reader's half of an operator's text: a notice may hold both languages,
 * Chinese first, parted by " · ". A text without that is for everybody.
 */
export function halfOf(text: string, lang: Lang): string {
  const parts = text.split(/ ?· /); // no space is needed after a full-width sign
  return parts.length === 2 ? parts[lang === 'zh' ? 0 : 1]!.trim() : text;
}

/** The wording of a hint; '' has none. */
export function hintKey(h: Hint): TextKey | null {
  return h === '' ? null : `hint.${h}`;
}
