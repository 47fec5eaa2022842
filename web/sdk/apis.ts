// The names of the interfaces, and which names in a jsApiList give a right.

import type { Generation } from '../core/errors';

export const CHECK = 'checkIsSupportFacialRecognition';

/** Needs no permission, and stands in no jsApiList. */
export const LOGIN = 'login';

/** The interfaces that run a verification. */
export const API = {
  start: 'startFacialRecognitionVerify',
  startVideo: 'startFacialRecognitionVerifyAndUploadVideo',
  request: 'requestFacialVerify',
  requestVideo: 'requestFacialVerifyAndUploadVideo',
} as const;

export type Api = (typeof API)[keyof typeof API];

/** start…: 1.0; request…: 2.0. */
export function generationOf(api: Api): Generation {
  return api === API.start || api === API.startVideo ? 1 : 2;
}

/** Names that web pages inside WeChat put into jsApiList for the same right. */
const ALIAS: Readonly<Record<string, string>> = {
  [CHECK]: 'checkIsSupportFaceDetect',
  [API.start]: 'requestWxFacePictureVerify', [API.request]: 'requestWxFacePictureVerify',
  [API.startVideo]: 'requestWxFacePictureVerifyUnionVideo', [API.requestVideo]: 'requestWxFacePictureVerifyUnionVideo',
};

/** Every name that wx.checkJsApi knows. */
export const KNOWN: ReadonlySet<string> = new Set([CHECK, ...Object.values(API), ...Object.values(ALIAS)]);

/**
 * Whether wx.config's answer leaves an interface open. A 2.0 page may have
 * listed only the bridge's name, whose entry speaks of 1.0: the server decides.
 */
export function allowed(apis: Record<string, boolean>, api: string): boolean {
  if (api === LOGIN) return true;
  const alias = ALIAS[api] ?? '';
  if (apis[api] === true || apis[alias] === true) return true;
  const second = api === API.request || api === API.requestVideo;
  return second && apis[api] === undefined && apis[alias] !== undefined;
}
