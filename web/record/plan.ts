// What a speaker reads, and how the page shows it.

export type Lang = 'zh' | 'en';

/** One string of the plan; voicebank.String. */
export interface Item {
  n: number;
  /** one character a digit: y is 幺, o is "oh" */
  label: string;
  paced: boolean;
  preroll_ms: number;
  /** after the pre-roll */
  show_ms: number[];
  end_ms: number;
}

/** voicebank.Session */
export interface Session {
  speaker: string;
  code?: string;
  lang: Lang;
  film: boolean;
  plan: Item[];
  done: number[];
  expires_at: number;
  days: number;
}

/** What is on the plate for one character of a label: the digit, and how to say it where there are two ways. */
export function cell(c: string, lang: Lang): { digit: string; say: string } {
  const digit = c === 'y' ? '1' : c === 'o' ? '0' : c;
  if (lang === 'zh') return { digit, say: c === 'y' ? '幺' : c === '1' ? '一' : '' };
  return { digit, say: c === 'o' ? 'oh' : c === '0' ? 'zero' : '' };
}

/** The next string to read after one: the first that is missing, from there on, then from the beginning; null: all are there. */
export function nextOf(plan: Item[], done: Set<number>, after: number): Item | null {
  const missing = plan.filter((s) => !done.has(s.n));
  return missing.find((s) => s.n > after) ?? missing[0] ?? null;
}
