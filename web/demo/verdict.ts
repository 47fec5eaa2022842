// What a redeemed answer means, in words.

import type { DemoKey } from './text';

/** Codes with words of their own. */
const KNOWN = [10002, 10003, 10004, 10005, 10010, 10011, 10020, 10026, 10057, 10300, 90011, 90100];

/** Reads an answer of getinfo or queryverifyinfo. */
export function verdict(answer: unknown): { pass: boolean; key: DemoKey; code: number } {
  const a = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const num = (k: string): number | undefined => (typeof a[k] === 'number' ? (a[k] as number) : undefined);
  const errcode = num('errcode') ?? -1;
  if (errcode === 84001) return { pass: false, key: 'v.used', code: errcode };
  if (errcode !== 0) return { pass: false, key: 'v.other', code: errcode };
  // Each generation has its own success; a missing member is never a pass.
  const one = num('identify_ret');
  const two = num('verify_ret');
  if ((one === 0 && two === undefined) || (two === 10000 && one === undefined)) return { pass: true, key: 'v.pass', code: 0 };
  const code = one ?? two ?? -1;
  return { pass: false, key: KNOWN.includes(code) ? (`v.${code}` as DemoKey) : 'v.other', code };
}
