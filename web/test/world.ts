// A wx object over a server in memory, for the tests.

import type { Outcome } from '../core/errors';
import type { Session } from '../sdk/api';
import type { Device } from '../sdk/device';
import type { Job } from '../sdk/session';
import { makeWx, type ConfigOptions, type Ground, type Wx } from '../sdk/wx';

export const ALL = ['checkIsSupportFacialRecognition', 'startFacialRecognitionVerify', 'requestFacialVerify',
  'startFacialRecognitionVerifyAndUploadVideo', 'requestFacialVerifyAndUploadVideo'];
export const OPTIONS: ConfigOptions = { debug: false, appId: 'wx0123456789abcdef', timestamp: 1, nonceStr: 'n', signature: 's', jsApiList: ALL, beta: true };
export const SESSION: Session = {
  session_id: 'a', capture_token: 'b', expires_in: 180, app: { name: 'A' }, masked_name: '*', notice_hash: 'c',
  notice: { handler: '', contact: '', purpose: '', necessity: '', retention_days: 1, alternative: '', alternative_to: '' },
};

/** browser: the secret that the page made for itself, which is another each time and so not in body. */
export interface Call { url: string; body: Record<string, unknown>; token: string | undefined; browser?: string }

/** A server in memory: answers by path, or throws what it is given. */
export function world(
  answers: Record<string, unknown> = {}, outcome: Outcome = { kind: 'pass', verifyResult: 'R' }, lacks: string | null = null, device: Device | null = null,
  ran: (job: Job) => void = () => undefined,
): { wx: Wx; calls: Call[] } {
  const calls: Call[] = [];
  const kept = new Map<string, string>();
  const all: Record<string, unknown> = {
    '/v1/sdk/config': { page_token: 'T', expires_in: 7200, app: { name: 'A' }, apis: Object.fromEntries(ALL.map((n) => [n, true])) },
    '/v1/sdk/support': { errCode: 0, errMsg: 'checkIsSupportFacialRecognition:ok', libVersionCode: 1 },
    '/v1/sdk/sessions': SESSION, '/v1/sdk/code': { code: 'J', visitor: 'W', expires_in: 300 }, ...answers,
  };
  const ground: Ground = {
    server: () => 'https://s',
    visitor: (appId, value) => { if (value !== undefined) kept.set(appId, value); return kept.get(appId) ?? ''; }, lang: () => 'zh', page: () => 'https://app/page?x=1', device: async () => device, lacks: async () => lacks, log: () => undefined,
    run: async (job) => { ran(job); return outcome; },
    call: async <T>(url: string, body: unknown, token?: string): Promise<T> => {
      const { visitor, ...rest } = body as Record<string, unknown>;
      const own = typeof visitor === 'string' && visitor.length === 43;
      calls.push({ url, body: own ? rest : body as Record<string, unknown>, token, ...(own ? { browser: visitor } : {}) });
      let a = all[url.slice('https://s'.length)];
      if (typeof a === 'function') a = (a as () => unknown)();
      if (Array.isArray(a)) a = a.length > 1 ? a.shift() : a[0];
      if (a instanceof Error) throw a;
      return a as T;
    },
  };
  return { wx: makeWx(ground), calls };
}

/** Calls an interface and waits for complete: [which callback came, its argument]. */
export function ask(f: (cb: object) => void): Promise<[string, Record<string, unknown>]> {
  return new Promise((resolve, reject) => {
    const seen: [string, Record<string, unknown>][] = [];
    const note = (name: string) => (res: Record<string, unknown>) => { seen.push([name, res]); };
    f({
      success: note('success'), fail: note('fail'),
      complete: (res: Record<string, unknown>) => {
        if (seen.length !== 1 || seen[0]![1] !== res) reject(new Error(`before complete came ${JSON.stringify(seen)}`));
        else resolve(seen[0]!);
      },
    });
  });
}
