// The WeChat-compatible object: the interfaces, callbacks, errMsg and codes of
// the contract (§1.1 to §1.6), so that an app's code runs unchanged after
// wx.config. What differs from WeChat is said in docs/wechat.md.

import { answer, Code, ERRNO_DENIED, prefixed, type Outcome, type VerifyAnswer } from '../core/errors';
import type { Lang } from '../core/text/text';
import { ApiError, post, type Configured, type LoginCode, type Session, type Support } from './api';
import { allowed, API, CHECK, generationOf, KNOWN, LOGIN, type Api } from './apis';
import { BRIDGE_CHECK, BRIDGE_VERIFY, notThere, offline, readAlive, readVerify, snake, type BridgeAnswer, type Invoke } from './bridge';
import { cameraPossible } from './camera';
import type { Device } from './device';
import { soundPossible } from './microphone';
import type { Job } from './session';

/** wx.config's argument; beta: true brings wx.invoke. */
export interface ConfigOptions {
  debug?: boolean;
  appId: string;
  timestamp: number | string;
  nonceStr: string;
  signature: string;
  jsApiList: string[];
  beta?: boolean;
}

/** The callbacks of every call; cancel is the JS-SDK's, without it a cancel comes to fail. */
export interface Callbacks<T> {
  success?: (res: T) => void;
  fail?: (res: T) => void;
  cancel?: (res: T) => void;
  complete?: (res: T) => void;
}

export interface SupportAnswer {
  errMsg: string;
  errCode: number;
  errno?: number;
  libVersionCode?: number;
}

export interface CheckOptions extends Callbacks<SupportAnswer> {
  /** 0: digits read aloud; 1: coloured light; 2 or absent: what fits */
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

export interface LoginAnswer {
  errMsg: string;
  /** for the backend's jscode2session: 5 minutes, once */
  code?: string;
}

export interface JsApiAnswer {
  errMsg: string;
  checkResult: Record<string, boolean>;
}

export interface JsApiOptions extends Callbacks<JsApiAnswer> {
  jsApiList: string[];
}

/** The object that install() puts at window.wx. */
export interface Wx {
  config(o: ConfigOptions): void;
  ready(f: () => void): void;
  error(f: (res: { errMsg: string }) => void): void;
  checkJsApi(o: JsApiOptions): void;
  login(o?: Callbacks<LoginAnswer>): void;
  /** undefined until wx.config was called with beta: true, as in WeChat's JS-SDK */
  readonly invoke: Invoke | undefined;
  checkIsSupportFacialRecognition(o?: CheckOptions): void;
  startFacialRecognitionVerify(o: StartOptions): void;
  startFacialRecognitionVerifyAndUploadVideo(o: StartOptions): void;
  requestFacialVerify(o: RequestOptions): void;
  requestFacialVerifyAndUploadVideo(o: RequestOptions): void;
}

/** What the wx object stands on; tests give their own. */
export interface Ground {
  /** base URL of the server, without a slash at the end */
  server(): string;
  lang(): Lang;
  /** the page's URL without its fragment, as it was signed */
  page(): string;
  call: typeof post;
  /** what this browser keeps for an app between visits; a value replaces it */
  visitor(appId: string, value?: string): string;
  /** what the page knows of its device; null: nothing */
  device(): Promise<Device | null>;
  /** what this device lacks for a checkAliveType: null, or the text of WeChat's answer 10001 */
  lacks(alive: unknown): Promise<string | null>;
  run(job: Job): Promise<Outcome>;
  log(text: string): void;
}

/** Of "is supported" only, where 10001 means: no front camera (contract §1.1). */
const NO_CAMERA = 10001;

/** Makes a wx object. */
export function makeWx(g: Ground): Wx {
  const page = new Page(g);
  return {
    config: (o) => page.config(o),
    ready: (f) => page.whenReady(f),
    error: (f) => page.whenFailed(f),
    checkJsApi: (o) => page.checkJsApi(o ?? {}),
    login: (o) => void page.login(o ?? {}),
    get invoke() { return page.beta ? page.invoke : undefined; },
    checkIsSupportFacialRecognition: (o) => void page.check(o ?? {}),
    startFacialRecognitionVerify: (o) => void page.start(API.start, o ?? {}),
    startFacialRecognitionVerifyAndUploadVideo: (o) => void page.start(API.startVideo, o ?? {}),
    requestFacialVerify: (o) => void page.request(API.request, o ?? {}),
    requestFacialVerifyAndUploadVideo: (o) => void page.request(API.requestVideo, o ?? {}),
  };
}

/** A page that has, or has not yet, called wx.config. */
class Page {
  private options: ConfigOptions | null = null;
  private configured: Promise<Configured> | null = null;
  private running = false;
  private settled = false;
  private failed: { errMsg: string } | null = null;
  private onReady: (() => void)[] = [];
  private onError: ((res: { errMsg: string }) => void) | null = null;
  private own = '';
  /** wx.config was called with beta: true */
  beta = false;

  constructor(private readonly g: Ground) {}

  config(o: ConfigOptions): void {
    this.options = o;
    this.settled = false;
    this.failed = null;
    if (o.beta === true) this.beta = true;
    const asked = this.configured = this.askConfig(o);
    asked.then(
      () => { if (asked === this.configured) this.settle(null); },
      (e: unknown) => {
        if (asked === this.configured) this.settle({ errMsg: prefixed('config', e instanceof Error ? e.message : 'unknown error') });
      },
    );
  }

  /** The JS-SDK's order: after a refusal the error comes first, and ready all the same. */
  private settle(failed: { errMsg: string } | null): void {
    this.log(failed?.errMsg ?? 'config:ok');
    this.settled = true;
    this.failed = failed;
    const { onError, onReady } = this;
    this.onReady = [];
    if (failed && onError) apart(() => onError(failed));
    for (const f of onReady) apart(f);
  }

  whenReady(f: () => void): void {
    if (this.settled) f();
    else this.onReady.push(f);
  }

  /** One place, as in the JS-SDK: the last one set counts. */
  whenFailed(f: (res: { errMsg: string }) => void): void {
    this.onError = f;
    if (this.failed) f(this.failed);
  }

  checkJsApi(o: Partial<JsApiOptions>): void {
    const list = Array.isArray(o.jsApiList) ? o.jsApiList : [];
    const checkResult = Object.fromEntries(list.map((n) => [String(n), KNOWN.has(String(n))]));
    this.tell(o, { errMsg: 'checkJsApi:ok', checkResult });
  }

  async login(o: Callbacks<LoginAnswer>): Promise<void> {
    const appId = this.options?.appId ?? '';
    const ask = (visitor: string): Promise<LoginCode> => this.signed<LoginCode>(LOGIN, '/v1/sdk/code', { visitor });
    try {
      const kept = this.g.visitor(appId);
      const a = await ask(kept).catch((e: unknown) => {
        if (kept && e instanceof ApiError && e.field === 'visitor') return ask(''); // not of this server
        throw e;
      });
      this.g.visitor(appId, a.visitor);
      this.tell(o, { errMsg: `${LOGIN}:ok`, code: a.code });
    } catch (e) {
      this.tell(o, { errMsg: answer(LOGIN, refused(e), 2).errMsg });
    }
  }

  async check(o: CheckOptions): Promise<void> {
    this.tell(o, await this.supported(CHECK, o.checkAliveType === undefined ? {} : { check_alive_type: o.checkAliveType }));
  }

  async start(api: Api, o: StartOptions): Promise<void> {
    const bad = wrong(o, ['name', 'idCardNumber', 'userIdKey'])
      ?? (!o.userIdKey && !o.name ? needs('name') : null)
      ?? (!o.userIdKey && !o.idCardNumber ? needs('idCardNumber') : null);
    const body: Record<string, unknown> = o.userIdKey
      ? { user_id_key: o.userIdKey } : { name: o.name, id_card_number: o.idCardNumber };
    if (o.checkAliveType !== undefined) body['check_alive_type'] = o.checkAliveType;
    this.tell(o, answer(api, bad ? badParameter(bad) : await this.verify(api, body), 1));
  }

  async request(api: Api, o: Partial<RequestOptions>): Promise<void> {
    const bad = wrong(o, ['verifyId']) ?? (!o.verifyId ? needs('verifyId') : null);
    this.tell(o, answer(api, bad ? badParameter(bad) : await this.verify(api, { verify_id: o.verifyId }), 2));
  }

  readonly invoke: Invoke = (name, params, callback) => {
    void this.bridge(String(name), (params ?? {}) as Record<string, unknown>).then((res) => {
      this.log(res.err_msg);
      if (typeof callback === 'function') setTimeout(() => callback(res), 0);
    });
  };

  private async bridge(name: string, params: Record<string, unknown>): Promise<BridgeAnswer> {
    const verify = Object.prototype.hasOwnProperty.call(BRIDGE_VERIFY, name) ? BRIDGE_VERIFY[name] : undefined;
    if (!verify && name !== BRIDGE_CHECK) return notThere(name);
    // A network that is down is no refusal, and is told as what it is.
    const refusal = await this.configured?.then(() => null, (e: unknown) => e);
    if (refusal instanceof ApiError && refusal.status >= 400 && refusal.status < 500) return offline(name);
    if (!verify) {
      const alive = readAlive(params);
      const a = 'bad' in alive ? answer(name, badParameter(alive.bad), 2) : await this.supported(name, alive);
      return { err_code: a.errCode, err_msg: a.errMsg, lib_version_code: 'libVersionCode' in a && a.libVersionCode || 1 };
    }
    const call = readVerify(verify, params);
    return snake('bad' in call
      ? answer(name, badParameter(call.bad), 1)
      : answer(name, await this.verify(call.api, call.body), generationOf(call.api)));
  }

  /** "Is supported", with errMsg under the name that was called. */
  private async supported(name: string, body: object): Promise<SupportAnswer> {
    try {
      const s = await this.signed<Support>(CHECK, '/v1/sdk/support', await this.here(body));
      const lacks = await this.g.lacks((body as Record<string, unknown>)['check_alive_type']);
      if (lacks !== null) return { errMsg: `${name}:fail ${lacks}`, errCode: NO_CAMERA };
      return { errMsg: s.errCode === 0 ? `${name}:ok` : prefixed(name, s.errMsg), errCode: s.errCode, libVersionCode: s.libVersionCode };
    } catch (e) {
      return answer(name, refused(e), 2);
    }
  }

  private async verify(api: Api, body: Record<string, unknown>): Promise<Outcome> {
    if (this.running) return { kind: 'error', errCode: Code.unknown, message: 'a face verification is already running' };
    this.running = true;
    try {
      const lacks = await this.g.lacks(body['check_alive_type']);
      if (lacks !== null) return { kind: 'error', errCode: Code.notSupported, message: `face detect not support: ${lacks}` };
      // An openid of wx.login is its browser's alone: this one proves that it is the one.
      // And a link with a verify_id opens in the browser that opened it first.
      const proof = 'verify_id' in body ? { visitor: this.visitor() } : {};
      const open = async (more: object = {}): Promise<Session> => this.signed<Session>(api, '/v1/sdk/sessions', await this.here({ api, ...body, ...proof, ...more }));
      const session = await open();
      const job: Job = { server: this.g.server(), lang: this.g.lang(), session, renew: () => open() };
      // 2.0 gives the caller no choice of the method.
      if (generationOf(api) === 1) job.digits = () => open({ check_alive_type: 0 });
      return await this.g.run(job);
    } catch (e) {
      return refused(e);
    } finally {
      this.running = false;
    }
  }

  /** The secret that this browser keeps for the app; without storage this page does. */
  private visitor(): string {
    const appId = this.options?.appId ?? '';
    const kept = this.g.visitor(appId);
    if (kept) return kept;
    if (!this.own) {
      const bytes = crypto.getRandomValues(new Uint8Array(32));
      this.own = btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
    }
    this.g.visitor(appId, this.own);
    return this.own;
  }

  /** A body with what is known of the device. */
  private async here(body: object): Promise<object> {
    const device = await this.g.device();
    return device ? { ...body, device } : body;
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
    if (!allowed(c.apis, api)) {
      throw new ApiError(403, 'access denied', Code.noRight, ERRNO_DENIED, '');
    }
    const call = (token: string): Promise<T> => patiently(() => g.call<T>(g.server() + path, body, token));
    try {
      return await call(c.page_token);
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 401) throw e;
      this.configured = this.askConfig(options);
      return call((await this.configured).page_token);
    }
  }

  /** …:ok → success, …:cancel → cancel if the app has one, anything else → fail; then complete. */
  private tell<T extends { errMsg: string }>(cb: Callbacks<T>, res: T): void {
    this.log(res.errMsg);
    const how = res.errMsg.slice(res.errMsg.indexOf(':') + 1);
    const later = (f: ((res: T) => void) | undefined): void => { if (typeof f === 'function') apart(() => f(res)); };
    later(how === 'ok' ? cb.success : how === 'cancel' && cb.cancel || cb.fail);
    later(cb.complete);
  }

  private log(text: string): void {
    if (this.options?.debug) this.g.log(`faceproof: ${text}`);
  }
}

/** Apart from our own stack: an app's exception is the app's. */
function apart(f: () => void): void { setTimeout(f, 0); }

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
export async function deviceLacks(alive: unknown): Promise<string | null> {
  if (!cameraPossible()) {
    return window.isSecureContext ? 'No front camera' : 'No front camera: this page is not secure, and browsers give the camera to HTTPS pages only';
  }
  if (typeof WebSocket === 'undefined' || typeof HTMLCanvasElement.prototype.toBlob !== 'function') return 'Not support this browser';
  if (alive === 0 && !soundPossible()) return 'Not support this browser'; // nothing but sound will do
  try {
    const all = await navigator.mediaDevices.enumerateDevices();
    if (!all.some((d) => d.kind === 'videoinput')) return 'No front camera';
  } catch {
    return null; // the browser does not tell before it has asked the person
  }
  return null;
}

/** How often a busy server is asked again. */
const ASK_AGAIN = 2;

/** Asks a busy server again when it says so, and not all browsers at once. */
async function patiently<T>(f: () => Promise<T>): Promise<T> {
  for (let n = 0; ; n++) {
    try {
      return await f();
    } catch (e) {
      if (!(e instanceof ApiError) || !e.retryAfter || n === ASK_AGAIN) throw e;
      const ms = e.retryAfter * 1000 * (1 + Math.random());
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }
}
