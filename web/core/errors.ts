// WeChat's client codes and the shape of what a callback gets
// (contract §1.1, §1.2, §1.4). Faceproof adds no codes of its own.

/** Codes of the client, as WeChat's documents list them. */
export const Code = {
  ok: 0,
  badParameter: 10001, // 参数错误
  noRight: 10006, // appid没有权限
  notPassed: 10004, // every failed face: one code whatever the cause
  limited: 10042, // 请求过于频繁
  notSupported: 90001, // 设备不支持人脸检测
  interrupted: 90004, // left while the capture ran
  network: 90007, // 网络错误
  cameraDenied: 90008, // 相机权限未授权
  microphoneDenied: 90009, // 麦克风权限未授权
  bothDenied: 90010, // 相机和麦克风权限都未授权
  badCapture: 90011, // 人脸数据采集无效
  upload: 90012, // 网络错误上传失败
  timeout: 90017, // 识别过程超时: what 2.0 calls captureTimeout
  cancel: 90100, // 用户取消
  config: 90104, // 获取配置信息出错
  camera: 90106, // 相机初始化失败; there is none for a microphone that fails
  captureTimeout: 90107, // 用户采集人脸超时
  unknown: 90199, // 未知错误
  notReturned: -1, // nothing came back
} as const;

/** WeChat's errno for a missing permission. */
export const ERRNO_DENIED = 102;

/** How a face verification ended, before it becomes a callback. */
export type Outcome =
  | { kind: 'pass'; verifyResult: string }
  | { kind: 'fail'; errCode: number; verifyResult: string }
  /** stage: where the person left, 90002 to 90006 */
  | { kind: 'cancel'; stage?: number }
  | { kind: 'error'; errCode: number; message: string; errno?: number };

/** What success, fail and complete get. */
export interface VerifyAnswer {
  errMsg: string;
  errCode: number;
  errno?: number;
  verifyResult?: string;
}

/** Which generation of the interfaces a call belongs to. */
export type Generation = 1 | 2;

/**
 * The answer of an API for an outcome. The 1.0 calls carry verifyResult always,
 * "" when there is none, and one code for a cancel; the 2.0 calls never carry
 * it, and say at which stage the person left.
 */
export function answer(api: string, o: Outcome, g: Generation): VerifyAnswer {
  const give = (errMsg: string, errCode: number, verifyResult = ''): VerifyAnswer =>
    g === 1 ? { errMsg, errCode, verifyResult } : { errMsg, errCode };
  switch (o.kind) {
    case 'pass': return give(`${api}:ok`, Code.ok, o.verifyResult);
    case 'cancel': return give(`${api}:cancel`, g === 1 ? Code.cancel : o.stage ?? Code.cancel);
    case 'fail': return give(`${api}:fail face verification not passed`, o.errCode || Code.notPassed, o.verifyResult);
    case 'error': {
      const a = give(prefixed(api, o.message), late(o.errCode, g));
      return o.errno === undefined ? a : { ...a, errno: o.errno };
    }
  }
}

/** The two generations have a code of their own for "too late". */
function late(code: number, g: Generation): number {
  if (code !== Code.timeout && code !== Code.captureTimeout) return code;
  return g === 1 ? Code.captureTimeout : Code.timeout;
}

/** Puts "api:fail " before a message, in place of such a beginning that is there already. */
export function prefixed(api: string, message: string): string {
  const rest = message.replace(/^[A-Za-z]+:fail[: ]?/, '').trim();
  // WeChat writes "fail:access denied" without a space, and apps match it.
  return rest.startsWith('access denied') ? `${api}:fail:${rest}` : `${api}:fail ${rest || 'unknown error'}`;
}

/** The client code for a class of server error that brought none of its own. */
export function codeOf(serverCode: string): number {
  switch (serverCode) {
    case 'invalid': return Code.badCapture;
    case 'expired': return Code.captureTimeout;
    case 'rate_limited': return Code.limited;
    case 'unavailable': return Code.network;
    default: return Code.unknown;
  }
}
