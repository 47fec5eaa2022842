// The capture protocol of docs/protocol.md, the client's side: messages, the
// binary frame, and the strict reading of what the server sends. No DOM here.

/** The sub-protocol of the WebSocket. */
export const SUBPROTOCOL = 'faceproof.v1';

/** Version of the messages. */
export const PROTOCOL_VERSION = 1;

/** Bytes of the header before the JPEG of a frame, and before the samples of a piece of sound. */
export const FRAME_HEADER = 16;

/** Samples a second of the sound that is sent; mono. */
export const SOUND_RATE = 16_000;

/** Samples in a message of sound: 20 to 500 ms. */
export const SOUND_PIECE = { min: SOUND_RATE / 50, max: SOUND_RATE / 2 } as const;

/** How an attempt shows that a live person is there: colours on the face, or digits read aloud. */
export type Method = 'flash' | 'digits';

/** sRGB, 0 to 255 a channel. */
export type RGB = readonly [number, number, number];

/** What hints the server may give; faceproof.Hint in challenge.go. */
export const HINTS = [
  'face_screen', 'one_person', 'closer', 'farther', 'center', 'too_dark', 'turn_away', 'too_bright',
  'raise_brightness', 'remove_cover', 'open_eyes', 'hold_still', 'slow_network',
  'microphone', 'louder', 'quieter', 'quiet_place', 'read_clearly', 'show_mouth',
  'eye_level', 'upright', 'even_light', 'white_light', 'relax_face', 'close_mouth', 'plain_background', 'original_photo',
] as const;

/** Advice to the person; '' is none. */
export type Hint = (typeof HINTS)[number] | '';

/** Who consents for a person under 14: a role, no name. */
export type Guardian = 'parent' | 'guardian';

/** What the camera gives and what the person agreed to; the first message. */
export interface Hello {
  type: 'hello';
  v: 1;
  session_id: string;
  capture_token: string;
  sdk: string;
  lang: 'zh' | 'en';
  /** wording: version of the texts that were shown; guardian: who ticked for a person under 14 */
  consent: { notice: string; separate: true; transfer: true; wording: number; guardian?: Guardian };
  camera: { width: number; height: number; fps: number };
  screen: { width: number; height: number; dpr: number };
  track: TrackInfo;
}

/** What the browser says of its camera, by classes; nothing that names a device. */
export interface TrackInfo {
  label: 'none' | 'plain' | 'virtual';
  facing: '' | 'user' | 'environment' | 'left' | 'right';
  /** optical capabilities that the track lists; -1: the browser cannot list them */
  controls: number;
  /** whose time the frames have; '': not known yet */
  clock: '' | 'camera' | 'page';
  webdriver: boolean;
}

/** An event of the light; t is milliseconds of performance.now(). */
export type DisplayName = 'lead' | 'preroll' | 'segment' | 'prompt' | 'postroll';

/** Why the client gives up. */
export type AbortReason = 'cancel' | 'hidden' | 'camera' | 'alternative';

/** WeChat's stages at which a person may leave, 90002 to 90006. */
export type Stage = 90002 | 90003 | 90004 | 90005 | 90006;

/** Frames from the pre-roll to the post-roll; captured = sent + dropped. */
export interface Counts {
  captured: number;
  sent: number;
  dropped: number;
}

export type ClientMessage =
  | Hello
  | { type: 'ready'; attempt: number }
  | { type: 'display'; attempt: number; event: DisplayName; index: number; t: number }
  /** samples: of the sound that was sent; only where digits were read */
  | ({ type: 'end'; attempt: number; samples?: number } & Counts)
  | { type: 'abort'; reason: AbortReason; stage: Stage };

/** How frames shall be taken. */
export interface Shape {
  fps: number;
  width: number;
  height: number;
  /** JPEG quality, 1 to 100 */
  quality: number;
}

export interface Welcome {
  type: 'welcome';
  attempt: number;
  attempts: number;
  expires_ms: number;
  /** of this attempt */
  method: Method;
  preview: Shape;
  capture: Shape;
  /** some of the capture, in neutral light; null: an older server asks for none */
  portrait: Shape | null;
  limits: { frame_bytes: number; session_bytes: number; frames: number };
  /** of the consent, for the person to keep; '': an older server gives none */
  receipt: string;
}

/** How an attempt is captured: small at first, and in full where that was not enough. */
export function captureShape(w: Welcome, attempt: number): Shape {
  return attempt > 1 && w.portrait ? { ...w.portrait, fps: w.capture.fps } : w.capture;
}

export interface Guide {
  type: 'guide';
  ok: boolean;
  hint: Hint;
  /** x, y, width, height as shares of the frame; all zero when there is no face */
  box: readonly [number, number, number, number];
}

export interface Prepare {
  type: 'prepare';
  attempt: number;
  method: Method;
  /** of digits: how many will be asked for, and whether one by one */
  reading: { digits: number; paced: boolean; light: boolean } | null;
  neutral: RGB;
  /** black before the pre-roll; 0: none */
  lead_ms: number;
  fade_ms: number;
  preroll_ms: number;
}

/** One colour; forward: its wipe runs from the top or the left. */
export interface Segment {
  rgb: RGB;
  forward: boolean;
}

/** faceproof.FlashChallenge; durations in milliseconds. */
export interface Challenge {
  type: 'challenge';
  attempt: number;
  nonce: string;
  neutral: RGB;
  fade_ms: number;
  preroll_ms: number;
  segment_ms: number;
  wipe_ms: number;
  postroll_ms: number;
  segments: readonly Segment[];
}

/** A digit to be read now, or all of them, and the colour under it. */
export interface Prompt {
  type: 'prompt';
  attempt: number;
  index: number;
  digits: string;
  /** null: the light stays as it is */
  rgb: RGB | null;
}

/** Enough was heard: the microphone goes off. */
export interface Listened {
  type: 'listened';
  attempt: number;
}

export interface Result {
  type: 'result';
  outcome: 'pass' | 'fail' | 'retry';
  hint: Hint;
  attempt: number;
  attempts_left: number;
  /** of the next attempt, after retry */
  method: Method;
  err_code: number;
  verify_result: string;
}

export interface ServerError {
  type: 'error';
  code: string;
  field: string;
  message: string;
  err_code: number;
}

export type ServerMessage =
  | Welcome | Guide | Prepare | Challenge | Prompt | Listened
  | { type: 'analysing'; attempt: number }
  | Result | ServerError;

/** The server said something that this client cannot obey. */
export class ProtocolError extends Error {
  constructor(readonly field: string, why: string) {
    super(`${field}: ${why}`);
    this.name = 'ProtocolError';
  }
}

/** The shortest segment that keeps under three light changes a second (WCAG 2.3.1). */
export const MIN_SEGMENT_MS = 334;

const MAX_SEGMENTS = 32;

const MAX_DIGITS = 16;

/**
 * Reads one text message. Unknown members are ignored; an unknown type gives
 * null; a known type with a bad member throws ProtocolError with its name.
 */
export function parse(text: string): ServerMessage | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new ProtocolError('message', 'is not JSON');
  }
  const m = new Reader('', raw);
  switch (m.text('type')) {
    case 'welcome': return welcome(m);
    case 'guide':
      return { type: 'guide', ok: m.flag('ok'), hint: m.hint('hint'), box: m.box('box') };
    case 'prepare': return prepare(m);
    case 'challenge': return challenge(m);
    case 'prompt': return prompt(m);
    case 'listened': return { type: 'listened', attempt: m.int('attempt', 1, 255) };
    case 'analysing': return { type: 'analysing', attempt: m.int('attempt', 1, 255) };
    case 'result': return result(m);
    case 'error':
      return {
        type: 'error', code: m.text('code'), field: m.optText('field'),
        message: m.optText('message'), err_code: m.optInt('err_code'),
      };
    default: return null;
  }
}

function welcome(m: Reader): Welcome {
  const v = m.int('v', 0, 1000);
  if (v !== PROTOCOL_VERSION) throw new ProtocolError('v', `is ${v}, this client speaks ${PROTOCOL_VERSION}`);
  const limits = m.child('limits');
  return {
    type: 'welcome',
    attempt: m.int('attempt', 1, 255),
    attempts: m.int('attempts', 1, 255),
    expires_ms: m.int('expires_ms', 0, 1e9),
    method: m.method('method'),
    preview: shape(m.child('preview')),
    capture: shape(m.child('capture')),
    portrait: m.get('portrait') == null ? null : shape(m.child('portrait')),
    limits: {
      frame_bytes: limits.int('frame_bytes', 1, 1e9),
      session_bytes: limits.int('session_bytes', 1, 1e12),
      frames: limits.int('frames', 1, 1e6),
    },
    receipt: m.optText('receipt'),
  };
}

function shape(m: Reader): Shape {
  return {
    fps: m.number('fps', 0.1, 120), width: m.int('width', 16, 4096),
    height: m.int('height', 16, 4096), quality: m.int('quality', 1, 100),
  };
}

function prepare(m: Reader): Prepare {
  const fade_ms = m.int('fade_ms', 0, 5000);
  const lead_ms = m.optInt('lead_ms');
  // A shorter one would be a flash of its own instead of a fade.
  if (lead_ms !== 0 && (lead_ms < fade_ms || lead_ms > 5000)) throw new ProtocolError('lead_ms', 'must be 0, or fade_ms to 5000');
  const method = m.method('method');
  return {
    type: 'prepare', attempt: m.int('attempt', 1, 255), method,
    reading: method === 'digits' ? { digits: m.int('digits', 1, MAX_DIGITS), paced: m.optFlag('paced'), light: m.optFlag('light') } : null,
    neutral: m.rgb('neutral'), lead_ms, fade_ms, preroll_ms: m.int('preroll_ms', 0, 10000),
  };
}

function prompt(m: Reader): Prompt {
  const digits = m.text('digits');
  if (!/^[0-9]{1,16}$/.test(digits)) throw new ProtocolError('digits', `must be 1 to ${MAX_DIGITS} digits`);
  return {
    type: 'prompt', attempt: m.int('attempt', 1, 255), index: m.int('index', 0, MAX_DIGITS - 1), digits,
    rgb: m.get('rgb') == null ? null : m.rgb('rgb'),
  };
}

function challenge(m: Reader): Challenge {
  const list = m.get('segments');
  if (!Array.isArray(list) || list.length < 1 || list.length > MAX_SEGMENTS) {
    throw new ProtocolError('segments', `must be 1 to ${MAX_SEGMENTS}`);
  }
  const segment_ms = m.int('segment_ms', MIN_SEGMENT_MS, 5000);
  return {
    type: 'challenge', attempt: m.int('attempt', 1, 255), nonce: m.text('nonce'),
    neutral: m.rgb('neutral'), fade_ms: m.int('fade_ms', 0, 5000),
    preroll_ms: m.int('preroll_ms', 0, 10000), segment_ms,
    wipe_ms: m.int('wipe_ms', 0, segment_ms), postroll_ms: m.int('postroll_ms', 0, 5000),
    segments: list.map((raw, i) => {
      const s = new Reader(`segments[${i}].`, raw);
      return { rgb: s.rgb('rgb'), forward: s.flag('forward') };
    }),
  };
}

function result(m: Reader): Result {
  const outcome = m.text('outcome');
  if (outcome !== 'pass' && outcome !== 'fail' && outcome !== 'retry') {
    throw new ProtocolError('outcome', 'is unknown');
  }
  return {
    type: 'result', outcome, hint: m.hint('hint'), attempt: m.int('attempt', 1, 255),
    attempts_left: m.optInt('attempts_left'), method: m.method('method'), err_code: m.optInt('err_code'),
    verify_result: m.optText('verify_result'),
  };
}

/** Reader takes members of an object and names the bad one. */
class Reader {
  private readonly o: Record<string, unknown>;

  constructor(private readonly path: string, raw: unknown) {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      throw new ProtocolError(path || 'message', 'must be an object');
    }
    this.o = raw as Record<string, unknown>;
  }

  get(k: string): unknown { return Object.prototype.hasOwnProperty.call(this.o, k) ? this.o[k] : undefined; }

  child(k: string): Reader { return new Reader(`${this.path}${k}.`, this.get(k)); }

  text(k: string): string {
    const v = this.get(k);
    if (typeof v !== 'string') throw this.bad(k, 'must be a string');
    return v;
  }

  optText(k: string): string { return this.get(k) == null ? '' : this.text(k); }

  flag(k: string): boolean {
    const v = this.get(k);
    if (typeof v !== 'boolean') throw this.bad(k, 'must be true or false');
    return v;
  }

  optFlag(k: string): boolean { return this.get(k) == null ? false : this.flag(k); }

  number(k: string, min: number, max: number): number {
    const v = this.get(k);
    if (typeof v !== 'number' || !(v >= min && v <= max)) throw this.bad(k, `must be ${min} to ${max}`);
    return v;
  }

  int(k: string, min: number, max: number): number {
    const v = this.number(k, min, max);
    if (!Number.isInteger(v)) throw this.bad(k, 'must be whole');
    return v;
  }

  optInt(k: string): number { return this.get(k) == null ? 0 : this.int(k, -1e9, 1e9); }

  /** A hint this client has no words for is no hint: servers may be newer. */
  hint(k: string): Hint {
    const v = this.optText(k);
    return (HINTS as readonly string[]).includes(v) ? (v as Hint) : '';
  }

  /** A method this client does not have must not be taken for another. */
  method(k: string): Method {
    const v = this.optText(k) || 'flash';
    if (v !== 'flash' && v !== 'digits') throw this.bad(k, 'is unknown');
    return v;
  }

  rgb(k: string): RGB {
    const v = this.get(k);
    const ok = (c: unknown): boolean => Number.isInteger(c) && (c as number) >= 0 && (c as number) <= 255;
    if (!Array.isArray(v) || v.length !== 3 || !v.every(ok)) throw this.bad(k, 'must be three bytes');
    return [v[0] as number, v[1] as number, v[2] as number];
  }

  box(k: string): Guide['box'] {
    const v = this.get(k);
    if (!Array.isArray(v) || v.length !== 4 || !v.every((n) => typeof n === 'number' && Number.isFinite(n))) {
      return [0, 0, 0, 0];
    }
    return [v[0] as number, v[1] as number, v[2] as number, v[3] as number];
  }

  private bad(k: string, why: string): ProtocolError { return new ProtocolError(this.path + k, why); }
}

/** The head of a binary frame. */
export interface FrameHead {
  attempt: number;
  preview: boolean;
  seq: number;
  /** milliseconds of performance.now() at capture */
  t: number;
}

/** Puts the 16-byte header before a JPEG. Throws RangeError on values that have no encoding. */
export function encodeFrame(h: FrameHead, jpeg: Uint8Array): ArrayBuffer {
  const v = head(1, h.attempt, h.preview ? 1 : 0, h.seq, h.t, jpeg.length);
  new Uint8Array(v.buffer).set(jpeg, FRAME_HEADER);
  return v.buffer;
}

/** The head of a piece of sound. */
export interface SoundHead {
  attempt: number;
  seq: number;
  /** milliseconds of performance.now() of the first sample */
  t: number;
}

/** Puts the 16-byte header before samples of 16 kHz. Throws RangeError as encodeFrame does. */
export function encodeSound(h: SoundHead, samples: Int16Array): ArrayBuffer {
  if (samples.length < SOUND_PIECE.min || samples.length > SOUND_PIECE.max) throw new RangeError('samples');
  const v = head(2, h.attempt, 0, h.seq, h.t, samples.length * 2);
  samples.forEach((x, i) => v.setInt16(FRAME_HEADER + i * 2, x, true));
  return v.buffer;
}

function head(kind: number, attempt: number, flags: number, seq: number, t: number, body: number): DataView<ArrayBuffer> {
  if (!Number.isInteger(attempt) || attempt < 1 || attempt > 255) throw new RangeError('attempt');
  if (!Number.isInteger(seq) || seq < 0 || seq > 0xffffffff) throw new RangeError('seq');
  if (!Number.isFinite(t)) throw new RangeError('t');
  const v = new DataView(new ArrayBuffer(FRAME_HEADER + body));
  v.setUint8(0, kind);
  v.setUint8(1, attempt);
  v.setUint16(2, flags);
  v.setUint32(4, seq);
  v.setFloat64(8, t);
  return v;
}
