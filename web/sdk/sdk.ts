// Everything the two bundles offer, given the URL that the script came from.

import { languageOf, type Lang } from '../core/text/text';
import { post } from './api';
import { deviceOf } from './device';
import { verifyOnScreen } from './session';
import { VERSION } from './version';
import { deviceLacks, makeWx, type Wx } from './wx';

/** Settings; each is optional. */
export interface Settings {
  /** base URL of the Faceproof server, when the script was not loaded from it */
  server?: string;
  /** "zh" or "en"; else the browser's language */
  lang?: Lang;
}

export interface Faceproof {
  version: string;
  configure(s: Settings): void;
  wx: Wx;
  /** Puts wx's face interfaces at target.wx, beside what is there; gives target.wx. */
  install(target: object): object;
}

/** scriptURL: ".../sdk/faceproof.js"; what stands before /sdk/ is the server. */
export function make(scriptURL: string): Faceproof {
  let server = baseOf(scriptURL);
  let lang: Lang | undefined;
  const wx = makeWx({
    server: () => server ?? location.origin,
    lang: () => lang ?? languageOf(navigator.language),
    page: () => location.href.split('#')[0] ?? '',
    call: post,
    visitor,
    device: () => deviceOf({ wx: (window as { wx?: unknown }).wx, navigator }),
    lacks: deviceLacks,
    run: verifyOnScreen,
    log: (text) => console.info(text),
  });
  return {
    version: VERSION,
    wx,
    configure(s) {
      if (s.server !== undefined) server = s.server.replace(/\/+$/, '');
      if (s.lang !== undefined) lang = s.lang;
    },
    install: (target) => install(target as { wx?: object }, wx),
  };
}

/** The server that a script came from; null when the URL says nothing. */
export function baseOf(scriptURL: string): string | null {
  const m = /^(https?:\/\/[^?#]*?)\/(?:sdk\/)?[^/?#]+(?:[?#].*)?$/.exec(scriptURL);
  return m?.[1] ?? null;
}

/** Without storage every visit is a new browser's. */
function visitor(appId: string, value?: string): string {
  try {
    if (value !== undefined) localStorage.setItem(`faceproof-visitor-${appId}`, value);
    return localStorage.getItem(`faceproof-visitor-${appId}`) ?? '';
  } catch {
    return '';
  }
}

/** The face interfaces: what we put there in any case. */
const FACES: readonly (keyof Wx)[] = [
  'checkIsSupportFacialRecognition', 'startFacialRecognitionVerify', 'startFacialRecognitionVerifyAndUploadVideo',
  'requestFacialVerify', 'requestFacialVerifyAndUploadVideo',
];

/**
 * An existing wx (WeChat's own JS-SDK) keeps its members, config, ready, error
 * and invoke among them: then call faceproof.wx.config for this server. One
 * that takes no new members stays as it is, behind a new object that has it as
 * its prototype. When target.wx itself cannot be set, only the answer has ours.
 */
export function install(target: { wx?: object }, wx: Wx): object {
  const there: unknown = target.wx;
  const ours = Object.getOwnPropertyDescriptors(wx) as PropertyDescriptorMap;
  if ((typeof there !== 'object' && typeof there !== 'function') || there === null) return put(target, Object.create(Object.prototype, ours) as object);
  const configured = ['config', 'ready', 'error'].some((n) => n in there);
  const add: PropertyDescriptorMap = {};
  for (const [name, d] of Object.entries(ours)) {
    if (FACES.includes(name as keyof Wx) || (!configured && !(name in there))) add[name] = d;
  }
  const takes = Object.keys(add).every((n) => {
    const d = Object.getOwnPropertyDescriptor(there, n);
    return d ? d.configurable === true : Object.isExtensible(there);
  });
  return takes ? Object.defineProperties(there, add) : put(target, Object.create(there, add) as object);
}

function put(target: { wx?: object }, wx: object): object {
  Reflect.set(target, 'wx', wx);
  return wx;
}
