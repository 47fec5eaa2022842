// Everything the two bundles offer, given the URL that the script came from.

import { languageOf, type Lang } from '../core/text/text';
import { post } from './api';
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

/**
 * An existing wx (WeChat's own JS-SDK) keeps its members, config, ready and
 * error among them: then call faceproof.wx.config for this server.
 */
export function install(target: { wx?: object }, wx: Wx): object {
  const there = target.wx as Partial<Wx> | undefined;
  const { checkIsSupportFacialRecognition, startFacialRecognitionVerify, requestFacialVerify } = wx;
  const faces = { checkIsSupportFacialRecognition, startFacialRecognitionVerify, requestFacialVerify };
  if (!there) return (target.wx = { ...wx });
  const add = typeof there.config === 'function' ? faces : { ...wx };
  if (Object.isExtensible(there)) return Object.assign(there, add);
  return (target.wx = Object.assign(Object.create(there) as object, add));
}
