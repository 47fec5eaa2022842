// The HTTP calls of the SDK: /v1/sdk/*.

import { Code, codeOf } from '../core/errors';
import { halfOf, type Lang } from '../core/text/text';

/** What the person reads before consenting; faceproof.Notice in app.go. */
export interface Notice {
  handler: string;
  contact: string;
  purpose: string;
  necessity: string;
  retention_days: number;
  alternative: string;
  alternative_to: string;
  /** where it is kept, who processes it, who is in charge; absent: what the software does by itself */
  place?: string;
  processors?: string;
  officer?: string;
  /** a guardian may consent for a person under 14 */
  guardian?: boolean;
  /** one face image is kept for the app to fetch */
  keeps_image?: boolean;
  /** the voice may be recorded: reading digits may come, now or at a later attempt */
  sound?: boolean;
}

/** A session that waits for its capture. */
export interface Session {
  session_id: string;
  capture_token: string;
  /** seconds until the capture must have started */
  expires_in: number;
  app: { name: string };
  /** of the first attempt: "flash" or "digits" */
  method?: string;
  masked_name: string;
  /** the person is under 14: "guardian" must consent, or "refused" */
  minor?: string;
  /** the recording is kept for the app, which the person must be told */
  upload_video?: boolean;
  notice: Notice;
  notice_hash: string;
}

/** A session with the operator's texts in the reader's language. */
export function inLanguage(s: Session, lang: Lang): Session {
  const n = s.notice;
  const half = (text: string): string => halfOf(text, lang);
  return {
    ...s, app: { name: half(s.app.name) },
    notice: {
      ...n, handler: half(n.handler), contact: half(n.contact), purpose: half(n.purpose),
      necessity: half(n.necessity), alternative: half(n.alternative),
      place: half(n.place ?? ''), processors: half(n.processors ?? ''), officer: half(n.officer ?? ''),
    },
  };
}

/** The answer to wx.config. */
export interface Configured {
  page_token: string;
  expires_in: number;
  app: { name: string };
  apis: Record<string, boolean>;
}

export interface Support {
  errCode: number;
  errMsg: string;
  libVersionCode: number;
}

/** The answer to wx.login: visitor proves that it is the same browser, and is kept. */
export interface LoginCode {
  code: string;
  visitor: string;
}

/** A refusal of the server, or no answer (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number, message: string, readonly errCode: number,
    readonly errno: number | undefined, readonly field: string,
    /** seconds after which a busy server may have room; 0: it is not busy */
    readonly retryAfter = 0,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** How long a call may take, ms. */
const CALL_MS = 20_000;

/**
 * Posts JSON and gives the answer's JSON. Throws ApiError. No cookies go along:
 * the page token is the only credential.
 */
export async function post<T>(url: string, body: unknown, token?: string): Promise<T> {
  const abort = new AbortController();
  const clock = setTimeout(() => abort.abort(), CALL_MS);
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (token) headers['Authorization'] = `Bearer ${token}`;
  let status = 0;
  let answer: unknown;
  try {
    const r = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), credentials: 'omit', signal: abort.signal });
    status = r.status;
    answer = await r.json();
    if (r.ok) return answer as T;
  } catch {
    throw new ApiError(status, status ? 'the server gave no JSON' : 'network error', Code.network, undefined, '');
  } finally {
    clearTimeout(clock);
  }
  throw refusal(status, answer);
}

function refusal(status: number, answer: unknown): ApiError {
  const a = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const text = (k: string): string => (typeof a[k] === 'string' ? (a[k] as string) : '');
  const num = (k: string): number | undefined => (typeof a[k] === 'number' ? (a[k] as number) : undefined);
  return new ApiError(
    status, text('errMsg') || text('message') || `HTTP ${status}`,
    num('errCode') ?? codeOf(text('code')), num('errno'), text('field'),
    status === 503 ? Math.min(Math.max(num('retry_after') ?? 0, 0), 30) : 0,
  );
}
