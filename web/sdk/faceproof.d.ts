// Declarations of Faceproof's web SDK: served at /sdk/faceproof.d.ts, for
// faceproof.js (window.faceproof) and faceproof.mjs (import). They stand alone.

/** The callbacks of every call: …:ok → success, …:cancel → cancel if given, else → fail; then complete. */
export interface Callbacks<T> {
  success?: (res: T) => void;
  fail?: (res: T) => void;
  /** as in WeChat's JS-SDK; Mini Program code leaves it out and gets a cancel in fail */
  cancel?: (res: T) => void;
  complete?: (res: T) => void;
}

/** wx.config's argument; signature is made by your server with the jsapi_ticket. */
export interface ConfigOptions {
  debug?: boolean;
  appId: string;
  /** unix seconds */
  timestamp: number | string;
  nonceStr: string;
  /** SHA-1, lower-case hex */
  signature: string;
  jsApiList: string[];
  /** true brings wx.invoke */
  beta?: boolean;
}

export interface ConfigError { errMsg: string }

export interface SupportAnswer {
  errMsg: string;
  /** 0; 10001 no camera; 10002 method not offered; 10003 device blacklisted */
  errCode: number;
  /** 102: the app lacks the permission */
  errno?: number;
  libVersionCode?: number;
}

export interface VerifyAnswer {
  /** "<api>:ok", "<api>:cancel" or "<api>:fail …" */
  errMsg: string;
  errCode: number;
  /** 102: the app lacks the permission */
  errno?: number;
  /** 1.0 only, always there: what your server gives to getinfo; "" when there is none */
  verifyResult?: string;
}

export interface CheckOptions extends Callbacks<SupportAnswer> {
  /** 0: digits read aloud; 1: coloured light; 2 or absent: what fits */
  checkAliveType?: number;
}

/** 1.0: name and idCardNumber, or userIdKey. */
export interface StartOptions extends Callbacks<VerifyAnswer> {
  name?: string;
  idCardNumber?: string;
  userIdKey?: string;
  /** 0: digits read aloud; 1: coloured light; 2 or absent: what fits */
  checkAliveType?: number;
}

/** 2.0. */
export interface RequestOptions extends Callbacks<VerifyAnswer> {
  verifyId: string;
}

export interface LoginAnswer {
  errMsg: string;
  /** for your server's jscode2session: 5 minutes, once */
  code?: string;
}

export interface JsApiAnswer {
  errMsg: string;
  checkResult: Record<string, boolean>;
}

export interface JsApiOptions extends Callbacks<JsApiAnswer> {
  jsApiList: string[];
}

/** What a callback of wx.invoke gets. */
export interface BridgeAnswer {
  err_code: number;
  err_msg: string;
  verify_result?: string;
  lib_version_code?: number;
}

/** checkIsSupportFaceDetect, requestWxFacePictureVerify, requestWxFacePictureVerifyUnionVideo */
export type Invoke = (name: string, params?: object | null, callback?: (res: BridgeAnswer) => void) => void;

export interface Wx {
  config(o: ConfigOptions): void;
  ready(f: () => void): void;
  error(f: (res: ConfigError) => void): void;
  checkJsApi(o: JsApiOptions): void;
  /** The openid behind code names this browser to the app, not a person. */
  login(o?: Callbacks<LoginAnswer>): void;
  /** undefined until config({beta: true}) */
  readonly invoke: Invoke | undefined;
  checkIsSupportFacialRecognition(o?: CheckOptions): void;
  startFacialRecognitionVerify(o: StartOptions): void;
  startFacialRecognitionVerifyAndUploadVideo(o: StartOptions): void;
  requestFacialVerify(o: RequestOptions): void;
  requestFacialVerifyAndUploadVideo(o: RequestOptions): void;
}

export interface Settings {
  /** base URL of the server, when the script was not loaded from it */
  server?: string;
  /** else the browser's language */
  lang?: 'zh' | 'en';
}

export interface Faceproof {
  version: string;
  wx: Wx;
  configure(s: Settings): void;
  /** Puts the face interfaces at target.wx, beside what is there; gives that object. */
  install(target: object): object;
}

export declare const version: string;
export declare const wx: Wx;
export declare const configure: Faceproof['configure'];
export declare const install: Faceproof['install'];
declare const faceproof: Faceproof;
export default faceproof;

declare global {
  interface Window { faceproof: Faceproof }
}
