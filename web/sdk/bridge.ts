// The JS-SDK's raw bridge: wx.invoke(name, params, callback) of H5 pages
// (contract §1.6). Its names, parameters and answers are snake_case, and it
// serves both generations: the parameters say which.

import { Code, type VerifyAnswer } from '../core/errors';
import { API, type Api } from './apis';

/** What a callback of wx.invoke gets. */
export interface BridgeAnswer {
  err_code: number;
  err_msg: string;
  verify_result?: string;
  lib_version_code?: number;
}

/** wx.invoke: there once wx.config was called with beta: true. */
export type Invoke = (name: string, params?: object | null, callback?: (res: BridgeAnswer) => void) => void;

export const BRIDGE_CHECK = 'checkIsSupportFaceDetect';

/** Bridge name → the interface of 1.0 and of 2.0 that it stands for. */
export const BRIDGE_VERIFY: Readonly<Record<string, { first: Api; second: Api }>> = {
  requestWxFacePictureVerify: { first: API.start, second: API.request },
  requestWxFacePictureVerifyUnionVideo: { first: API.startVideo, second: API.requestVideo },
};

/** WeChat's words when wx.config was refused and its bridge is used all the same. */
export const OFFLINE = 'fail_the permission value is offline verifying';

/** A call that the parameters ask for, or what is wrong with them. */
export type BridgeCall = { api: Api; body: Record<string, unknown> } | { bad: string };

/** Reads the parameters of a verification. */
export function readVerify(names: { first: Api; second: Api }, params: Record<string, unknown>): BridgeCall {
  const info = preInfo(params['request_verify_pre_info']);
  if (typeof info === 'string') return { bad: info };
  const alive = readAlive(params);
  if ('bad' in alive) return alive;
  for (const k of ['name', 'id_card_number', 'user_id_key', 'verify_id']) {
    if (info[k] !== undefined && typeof info[k] !== 'string') return { bad: `parameter error: request_verify_pre_info.${k} should be a string` };
  }
  const { name, id_card_number, user_id_key, verify_id } = info;
  // 2.0 gives the caller no choice of the method.
  if (verify_id) return { api: names.second, body: { verify_id } };
  if (user_id_key) return { api: names.first, body: { user_id_key, ...alive } };
  if (!name) return { bad: 'parameter error: request_verify_pre_info.name is missing' };
  if (!id_card_number) return { bad: 'parameter error: request_verify_pre_info.id_card_number is missing' };
  return { api: names.first, body: { name, id_card_number, ...alive } };
}

/** check_alive_type as a body member: '0', '1', '2' or the number; else nothing. */
export function readAlive(params: Record<string, unknown>): { check_alive_type?: number } | { bad: string } {
  const v = params['check_alive_type'];
  if (v === undefined || v === null || v === '') return {};
  if (!/^[012]$/.test(String(v)) || typeof v === 'object') return { bad: 'parameter error: check_alive_type should be 0, 1 or 2' };
  return { check_alive_type: Number(v) };
}

/** A JSON string, never an object: so it is inside WeChat too. */
function preInfo(v: unknown): Record<string, unknown> | string {
  const bad = 'parameter error: request_verify_pre_info should be a JSON string';
  if (typeof v !== 'string') return bad;
  try {
    const o: unknown = JSON.parse(v);
    return typeof o === 'object' && o !== null && !Array.isArray(o) ? o as Record<string, unknown> : bad;
  } catch {
    return bad;
  }
}

/** An answer in the bridge's spelling. */
export function snake(a: VerifyAnswer): BridgeAnswer {
  return { err_code: a.errCode, err_msg: a.errMsg, verify_result: a.verifyResult ?? '' };
}

/** The answer to a name that is not there, as old clients word it. */
export function notThere(name: string): BridgeAnswer {
  return { err_code: Code.unknown, err_msg: `${name}:fail function not exist` };
}

/** What a page gets whose wx.config was refused. */
export function offline(name: string): BridgeAnswer {
  return { err_code: Code.noRight, err_msg: `${name}:${OFFLINE}` };
}
