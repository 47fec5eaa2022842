// The WeChat-compatible object: the interfaces, callbacks, errMsg and codes of
// the contract (§1.1, §1.2, §1.4), so that an app's code runs unchanged after
// wx.config. What differs from WeChat is said in docs/wechat.md.

import { answer, Code, ERRNO_DENIED, prefixed, type Outcome, type VerifyAnswer } from '../core/errors';
import type { Lang } from '../core/text/text';
import { ApiError, post, type Configured, type Session, type Support } from './api';
import { cameraPossible } from './camera';

/** wx.config's argument; beta is accepted and means nothing here. */
export interface ConfigOptions {
  debug?: boolean;
  appId: string;
  timestamp: number | string;
  nonceStr: string;
  signature: string;
  jsApiList: string[];
  beta?: boolean;
}

/** The callbacks of every call. */
export interface Callbacks<T> {
  success?: (res: T) => void;
  fail?: (res: T) => void;
  complete?: (res: T) => void;
}

export interface SupportAnswer {
  errMsg: string;
  errCode: number;
  errno?: number;
  libVersionCode?: number;
}

export interface CheckOptions extends Callbacks<SupportAnswer> {
  checkAliveType?: number;
}

export interface StartOptions extends Callbacks<VerifyAnswer> {
  name?: string;
  idCardNumber?: string;
  userIdKey?: string;
  checkAliveType?: number;
}

export interface RequestOptions extends Callbacks<VerifyAnswer> {
  verifyId: string;
}

/** The object that install() puts at window.wx. */
export interface Wx {
  config(o: ConfigOptions): void;
  ready(f: () => void): void;
  error(f: (res: { errMsg: string }) => void): void;
  checkIsSupportFacialRecognition(o?: CheckOptions): void;
  startFacialRecognitionVerify(o: StartOptions): void;
  requestFacialVerify(o: RequestOptions): void;
}

/** What the wx object stands on; tests give their own. */
export interface Ground {
  /** base URL of the server, without a slash at the end */
  server(): string;
  lang(): Lang;
  /** the page's URL without its fragment, as it was signed */
  page(): string;
  call: typeof post;
  /** what this device lacks: null, or the text of WeChat's answer 10001 */
  lacks(): Promise<string | null>;
  run(job: { server: string; lang: Lang; session: Session; renew: () => Promise<Session> }): Promise<Outcome>;
  log(text: string): void;
}

const CHECK = 'checkIsSupportFacialRecognition';
const START = 'startFacialRecognitionVerify';
const REQUEST = 'requestFacialVerify';

/** Names that web pages inside WeChat put into jsApiList for the same right. */
const ALIAS: Record<string, string> = { [CHECK]: 'checkIsSupportFaceDetect', [START]: 'requestWxFacePictureVerify' };

/** Makes a wx object. */
export function makeWx(g: Ground): Wx {
  let options: ConfigOptions | null = null;
  let configured: Promise<Configured> | null = null;
  let running = false;
  const onReady: (() => void)[] = [];
  const onError: ((res: { errMsg: string }) => void)[] = [];
  let ready = false;
  let failed: { errMsg: string } | null = null;

  const log = (text: string): void => { if (options?.debug) g.log(`faceproof: ${text}`); };

  const configure = (o: ConfigOptions): Promise<Configured> => g.call<Configured>(`${g.server()}/v1/sdk/config`, {
    appId: o.appId, timestamp: o.timestamp, nonceStr: o.nonceStr, signature: o.signature, url: g.page(), jsApiList: o.jsApiList,
  });

  /** A call that needs the page token; asks for a new one when the old is gone. */
  const signed = async <T>(api: string, path: string, body: unknown): Promise<T> => {
    if (!configured || !options) throw new ApiError(0, 'call wx.config first', Code.config, undefined, '');
    const c = await configured;
    if (c.apis[api] !== true && c.apis[ALIAS[api] ?? ''] !== true) {
      throw new ApiError(403, 'access denied', Code.noRight, ERRNO_DENIED, '');
    }
    try {
      return await g.call<T>(g.server() + path, body, c.page_token);
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 401) throw e;
      configured = configure(options);
      return g.call<T>(g.server() + path, body, (await configured).page_token);
    }
  };

  const settle = <T extends { errMsg: string }>(cb: Callbacks<T>, ok: boolean, res: T): void => {
    log(res.errMsg);
    // Apart from this call's own stack: an app's exception is the app's.
    const tell = (f: ((res: T) => void) | undefined): void => { if (typeof f === 'function') setTimeout(() => f(res), 0); };
    tell(ok ? cb.success : cb.fail);
    tell(cb.complete);
  };

  const refused = (e: unknown): Outcome => {
    if (e instanceof ApiError) {
      return { kind: 'error', errCode: e.errCode, message: e.message, ...(e.errno === undefined ? {} : { errno: e.errno }) };
    }
    return { kind: 'error', errCode: Code.unknown, message: e instanceof Error ? e.message : 'unknown error' };
  };

  const verify = async (api: string, body: Record<string, unknown>): Promise<Outcome> => {
    if (running) return { kind: 'error', errCode: Code.unknown, message: 'a face verification is already running' };
    running = true;
    try {
      const lacks = await g.lacks();
      if (lacks !== null) return { kind: 'error', errCode: Code.camera, message: lacks };
      const open = (): Promise<Session> => signed<Session>(api, '/v1/sdk/sessions', { api, ...body });
      const session = await open();
      return await g.run({ server: g.server(), lang: g.lang(), session, renew: open });
    } catch (e) {
      return refused(e);
    } finally {
      running = false;
    }
  };

  const finish = (api: string, cb: Callbacks<VerifyAnswer>, o: Outcome, withResult: boolean): void =>
    settle(cb, o.kind === 'pass', answer(api, o, withResult));

  return {
    config(o) {
      options = o;
      ready = false;
      failed = null;
      configured = configure(o);
      configured.then(
        () => {
          log('config:ok');
          ready = true;
          for (const f of onReady.splice(0)) f();
        },
        (e: unknown) => {
          failed = { errMsg: prefixed('config', e instanceof Error ? e.message : 'unknown error') };
          log(failed.errMsg);
          for (const f of onError) f(failed);
        },
      );
    },
    ready(f) {
      if (ready) setTimeout(f, 0);
      else onReady.push(f);
    },
    error(f) {
      onError.push(f);
      const now = failed;
      if (now) setTimeout(() => f(now), 0);
    },
    checkIsSupportFacialRecognition(o = {}) {
      void (async () => {
        try {
          const s = await signed<Support>(CHECK, '/v1/sdk/support', o.checkAliveType === undefined ? {} : { check_alive_type: o.checkAliveType });
          const lacks = await g.lacks();
          if (lacks !== null) settle(o, false, { errMsg: `${CHECK}:fail ${lacks}`, errCode: 10001 });
          else settle(o, s.errCode === 0, { errMsg: s.errMsg, errCode: s.errCode, libVersionCode: s.libVersionCode });
        } catch (e) {
          const { errMsg, errCode, errno } = answer(CHECK, refused(e), false);
          settle(o, false, errno === undefined ? { errMsg, errCode } : { errMsg, errCode, errno });
        }
      })();
    },
    startFacialRecognitionVerify(given) {
      const o = given ?? {};
      const bad = wrong(o, ['name', 'idCardNumber', 'userIdKey'])
        ?? (!o.userIdKey && !o.name ? needs('name') : null)
        ?? (!o.userIdKey && !o.idCardNumber ? needs('idCardNumber') : null);
      if (bad) return finish(START, o, { kind: 'error', errCode: Code.badParameter, message: bad }, true);
      const body: Record<string, unknown> = o.userIdKey
        ? { user_id_key: o.userIdKey } : { name: o.name, id_card_number: o.idCardNumber };
      if (o.checkAliveType !== undefined) body['check_alive_type'] = o.checkAliveType;
      void verify(START, body).then((out) => finish(START, o, out, true));
    },
    requestFacialVerify(given) {
      const o: Partial<RequestOptions> = given ?? {};
      const bad = wrong(o, ['verifyId']) ?? (!o.verifyId ? needs('verifyId') : null);
      if (bad) return finish(REQUEST, o, { kind: 'error', errCode: Code.badParameter, message: bad }, false);
      void verify(REQUEST, { verify_id: o.verifyId }).then((out) => finish(REQUEST, o, out, false));
    },
  };
}

function needs(name: string): string { return `parameter error: parameter.${name} should be String instead of Undefined;`; }

/** WeChat's wording for a parameter of another type. */
function wrong(o: object | undefined, names: string[]): string | null {
  const values = (o ?? {}) as Record<string, unknown>;
  for (const n of names) {
    const v = values[n];
    if (v !== undefined && v !== null && typeof v !== 'string') {
      const type = typeof v;
      return `parameter error: parameter.${n} should be String instead of ${type.charAt(0).toUpperCase()}${type.slice(1)};`;
    }
  }
  return null;
}

/** What this browser lacks, in the words of WeChat's answer 10001. */
export async function deviceLacks(): Promise<string | null> {
  if (!cameraPossible()) {
    return window.isSecureContext ? 'No front camera' : 'No front camera: this page is not secure, and browsers give the camera to HTTPS pages only';
  }
  if (typeof WebSocket === 'undefined' || typeof HTMLCanvasElement.prototype.toBlob !== 'function') return 'Not support this browser';
  try {
    const all = await navigator.mediaDevices.enumerateDevices();
    if (!all.some((d) => d.kind === 'videoinput')) return 'No front camera';
  } catch {
    return null; // the browser does not tell before it has asked the person
  }
  return null;
}
