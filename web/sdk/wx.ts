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

/** Of "is supported" only, where 10001 means: no front camera (contract §1.1). */
const NO_CAMERA = 10001;

/** Names that web pages inside WeChat put into jsApiList for the same right. */
const ALIAS: Record<string, string> = { [CHECK]: 'checkIsSupportFaceDetect', [START]: 'requestWxFacePictureVerify' };

/** Makes a wx object. */
export function makeWx(g: Ground): Wx {
  const page = new Page(g);
  return {
    config: (o) => page.config(o),
    ready: (f) => page.whenReady(f),
    error: (f) => page.whenFailed(f),
    checkIsSupportFacialRecognition: (o) => void page.check(o ?? {}),
    startFacialRecognitionVerify: (o) => void page.start(o ?? {}),
    requestFacialVerify: (o) => void page.request(o ?? {}),
  };
}

/** A page that has, or has not yet, called wx.config. */
class Page {
  private options: ConfigOptions | null = null;
  private configured: Promise<Configured> | null = null;
  private running = false;
  private ready = false;
  private failed: { errMsg: string } | null = null;
  private readonly onReady: (() => void)[] = [];
  private readonly onError: ((res: { errMsg: string }) => void)[] = [];

  constructor(private readonly g: Ground) {}

  config(o: ConfigOptions): void {
    this.options = o;
    this.ready = false;
    this.failed = null;
    this.configured = this.askConfig(o);
    this.configured.then(
      () => {
        this.log('config:ok');
        this.ready = true;
        for (const f of this.onReady.splice(0)) f();
      },
      (e: unknown) => {
        const failed = { errMsg: prefixed('config', e instanceof Error ? e.message : 'unknown error') };
        this.failed = failed;
        this.log(failed.errMsg);
        for (const f of this.onError) f(failed);
      },
    );
  }

  whenReady(f: () => void): void {
    if (this.ready) setTimeout(f, 0);
    else this.onReady.push(f);
  }

  whenFailed(f: (res: { errMsg: string }) => void): void {
    this.onError.push(f);
    const failed = this.failed;
    if (failed) setTimeout(() => f(failed), 0);
  }

  async check(o: CheckOptions): Promise<void> {
    const body = o.checkAliveType === undefined ? {} : { check_alive_type: o.checkAliveType };
    try {
      const s = await this.signed<Support>(CHECK, '/v1/sdk/support', body);
      const lacks = await this.g.lacks();
      if (lacks !== null) this.settle(o, false, { errMsg: `${CHECK}:fail ${lacks}`, errCode: NO_CAMERA });
      else this.settle(o, s.errCode === 0, { errMsg: s.errMsg, errCode: s.errCode, libVersionCode: s.libVersionCode });
    } catch (e) {
      this.settle(o, false, answer(CHECK, refused(e), false));
    }
  }

  async start(o: StartOptions): Promise<void> {
    const bad = wrong(o, ['name', 'idCardNumber', 'userIdKey'])
      ?? (!o.userIdKey && !o.name ? needs('name') : null)
      ?? (!o.userIdKey && !o.idCardNumber ? needs('idCardNumber') : null);
    const body: Record<string, unknown> = o.userIdKey
      ? { user_id_key: o.userIdKey } : { name: o.name, id_card_number: o.idCardNumber };
    if (o.checkAliveType !== undefined) body['check_alive_type'] = o.checkAliveType;
    this.finish(START, o, bad ? badParameter(bad) : await this.verify(START, body), true);
  }

  async request(o: Partial<RequestOptions>): Promise<void> {
    const bad = wrong(o, ['verifyId']) ?? (!o.verifyId ? needs('verifyId') : null);
    this.finish(REQUEST, o, bad ? badParameter(bad) : await this.verify(REQUEST, { verify_id: o.verifyId }), false);
  }

  private async verify(api: string, body: Record<string, unknown>): Promise<Outcome> {
    if (this.running) return { kind: 'error', errCode: Code.unknown, message: 'a face verification is already running' };
    this.running = true;
    try {
      const lacks = await this.g.lacks();
      if (lacks !== null) return { kind: 'error', errCode: Code.camera, message: lacks };
      const open = (): Promise<Session> => this.signed<Session>(api, '/v1/sdk/sessions', { api, ...body });
      const session = await open();
      return await this.g.run({ server: this.g.server(), lang: this.g.lang(), session, renew: open });
    } catch (e) {
      return refused(e);
    } finally {
      this.running = false;
    }
  }

  private askConfig(o: ConfigOptions): Promise<Configured> {
    return this.g.call<Configured>(`${this.g.server()}/v1/sdk/config`, {
      appId: o.appId, timestamp: o.timestamp, nonceStr: o.nonceStr, signature: o.signature, url: this.g.page(), jsApiList: o.jsApiList,
    });
  }

  /** A call that needs the page token; asks for a new one when the old is gone. */
  private async signed<T>(api: string, path: string, body: unknown): Promise<T> {
    const { g, options } = this;
    if (!this.configured || !options) throw new ApiError(0, 'call wx.config first', Code.config, undefined, '');
    const c = await this.configured;
    if (c.apis[api] !== true && c.apis[ALIAS[api] ?? ''] !== true) {
      throw new ApiError(403, 'access denied', Code.noRight, ERRNO_DENIED, '');
    }
    try {
      return await g.call<T>(g.server() + path, body, c.page_token);
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 401) throw e;
      this.configured = this.askConfig(options);
      return g.call<T>(g.server() + path, body, (await this.configured).page_token);
    }
  }

  private finish(api: string, cb: Callbacks<VerifyAnswer>, o: Outcome, withResult: boolean): void {
    this.settle(cb, o.kind === 'pass', answer(api, o, withResult));
  }

  private settle<T extends { errMsg: string }>(cb: Callbacks<T>, ok: boolean, res: T): void {
    this.log(res.errMsg);
    // Apart from our own stack: an app's exception is the app's.
    const tell = (f: ((res: T) => void) | undefined): void => { if (typeof f === 'function') setTimeout(() => f(res), 0); };
    tell(ok ? cb.success : cb.fail);
    tell(cb.complete);
  }

  private log(text: string): void {
    if (this.options?.debug) this.g.log(`faceproof: ${text}`);
  }
}

function refused(e: unknown): Outcome {
  if (e instanceof ApiError) {
    return { kind: 'error', errCode: e.errCode, message: e.message, ...(e.errno === undefined ? {} : { errno: e.errno }) };
  }
  return { kind: 'error', errCode: Code.unknown, message: e instanceof Error ? e.message : 'unknown error' };
}

function badParameter(message: string): Outcome { return { kind: 'error', errCode: Code.badParameter, message }; }

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
