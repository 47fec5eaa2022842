// The client's side of a verification as a pure reducer: (state, event) →
// [state, effects]. It has no camera, no socket, no clock and no page; a body
// (web/sdk) does what the effects say and reports back with events.

import { Code, codeOf, type Outcome } from './errors';
import type {
  AbortReason, Challenge, ClientMessage, Counts, DisplayName, Guardian, Hint, Listened, Method, Prepare, Prompt, Result, ServerError,
  ServerMessage, Stage, Welcome,
} from './protocol';
import type { TextKey } from './text/text';

/** What the person sees. */
export type Screen =
  | 'consent' | 'minor' | 'alternative' | 'warning' | 'camera' | 'camera_error' | 'guide'
  /** reading aloud is explained, and the microphone asked for */
  | 'digits' | 'microphone_error' | 'reading'
  | 'flash' | 'analysing' | 'retry' | 'pass' | 'fail' | 'trouble' | 'closed';

/** Why the camera does not run; both: the microphone is refused, too. */
export type CameraFault = 'denied' | 'both' | 'missing' | 'busy' | 'insecure' | 'lost';

/** Why there is no sound. */
export type MicrophoneFault = 'denied' | 'missing' | 'busy' | 'unsupported' | 'lost';

export interface State {
  screen: Screen;
  /** the screen to return to from 'alternative'; null: it was the last word */
  back: Screen | null;
  attempt: number;
  attemptsLeft: number;
  hint: Hint;
  /** the server is content with the picture */
  good: boolean;
  /** of this attempt, or of the next one on 'retry' */
  method: Method;
  /** it is another one than that of the attempt before */
  switched: boolean;
  /** who ticked for a person under 14 */
  guardian: Guardian | null;
  /** the person has read the warning of the light, the explanation of the digits */
  warned: boolean;
  explained: boolean;
  /** the person wants to read digits instead of seeing colours */
  chosen: boolean;
  /** the camera runs */
  camera: boolean;
  microphone: 'off' | 'asking' | 'on' | MicrophoneFault;
  /** what is on the screen to be read, and how many there will be */
  prompt: Prompt | null;
  /** prompts that the light has not drawn yet */
  coming: readonly Prompt[];
  reading: Prepare['reading'];
  socket: 'none' | 'opening' | 'open' | 'closed';
  welcome: Welcome | null;
  fault: CameraFault | null;
  trouble: TextKey | null;
  /** what the caller will be told */
  outcome: Outcome | null;
}

export type Event =
  // the person
  | { type: 'agree'; guardian?: Guardian } | { type: 'decline' } | { type: 'back' } | { type: 'continue' } | { type: 'read_instead' }
  | { type: 'retry' } | { type: 'cancel' } | { type: 'done' }
  // the camera
  | { type: 'camera_on' } | { type: 'camera_off'; fault: CameraFault }
  | { type: 'microphone_on' } | { type: 'microphone_off'; fault: MicrophoneFault }
  // the socket
  | { type: 'message'; message: ServerMessage }
  | { type: 'socket_closed'; code: number }
  | { type: 'broken'; message: string }
  // the page and the light
  | { type: 'hidden' }
  /** the app's page is left, or has taken the SDK's element away */
  | { type: 'torn' }
  | { type: 'drawn'; event: DisplayName; index: number; t: number }
  | { type: 'light_over' }
  /** samples: of sound, sent */
  | ({ type: 'flushed'; samples?: number } & Counts)
  | { type: 'timer'; name: Timer };

/** Names of the clocks; one of each runs at most. */
export type Timer = 'welcome' | 'guide' | 'challenge' | 'result';

export type Effect =
  | { do: 'camera_start' } | { do: 'camera_stop' }
  | { do: 'microphone_start' } | { do: 'microphone_stop' }
  /** open the socket and send hello */
  | { do: 'open' }
  | { do: 'close' }
  | { do: 'send'; message: ClientMessage }
  /** send frames: previews, the capture, or none */
  | { do: 'frames'; mode: 'preview' | 'record' | 'off'; attempt: number }
  /** all frames of the capture larger, or no more */
  | { do: 'portraits'; on: boolean }
  /** send what the microphone hears, or no more */
  | { do: 'sound'; on: boolean; attempt: number }
  /** stop recording, wait for the frames in work, then say 'flushed' */
  | { do: 'flush' }
  | { do: 'light'; show: Prepare | Challenge | Prompt | Listened }
  | { do: 'dark' }
  | { do: 'timer'; name: Timer; ms: number }
  | { do: 'finish'; outcome: Outcome };

type Step = [State, Effect[]];

/** How long the client waits, ms. The server's limits of docs/protocol.md come first. */
export const WAIT: Record<Timer, number> = {
  welcome: 15_000, guide: 125_000, challenge: 20_000, result: 90_000,
};

/**
 * The first state: the person reads the notice, or, refused for being under 14,
 * of the other way. The method is what the session says; `welcome` has the last word.
 */
export function begin(method: Method = 'flash', refused = false): State {
  return {
    screen: refused ? 'minor' : 'consent', guardian: null, back: null, attempt: 1, attemptsLeft: 0, hint: '', good: false,
    method, switched: false, warned: false, explained: false, chosen: false, camera: false, microphone: 'off', prompt: null, coming: [], reading: null,
    socket: 'none', welcome: null, fault: null, trouble: null, outcome: null,
  };
}

/** Applies one event. Events that mean nothing in a state change nothing. */
export function reduce(s: State, e: Event): Step {
  if (s.screen === 'closed') return [s, []];
  switch (e.type) {
    case 'agree': return s.screen === 'consent' ? [{ ...s, guardian: e.guardian ?? null, screen: s.method === 'digits' ? 'digits' : 'warning' }, []] : [s, []];
    case 'decline': return decline(s);
    case 'back': return s.screen === 'alternative' && s.back ? [{ ...s, screen: s.back, back: null }, []] : [s, []];
    case 'continue': return go(s);
    case 'read_instead': // only before a session has begun: the server must begin with it
      return s.screen === 'warning' && !s.camera ? [{ ...s, screen: 'digits', method: 'digits', chosen: true }, []] : [s, []];
    case 'retry': return retry(s);
    case 'cancel': return cancel(s);
    case 'done': return s.outcome ? finish(s, s.outcome) : [s, []];
    case 'camera_on': return cameraOn(s);
    case 'camera_off': return cameraOff(s, e.fault);
    case 'microphone_on': return s.screen === 'digits' && s.microphone === 'asking' ? enter({ ...s, microphone: 'on' }) : [s, []];
    case 'microphone_off': return microphoneOff(s, e.fault);
    case 'message': return message(s, e.message);
    case 'socket_closed': return socketClosed(s, e.code);
    case 'broken':
      return over(s) ? [s, []] : trouble(s, 'trouble.unknown', { kind: 'error', errCode: Code.unknown, message: e.message });
    case 'hidden':
      return lit(s)
        ? abort(s, 'hidden', s.screen === 'flash' ? 'trouble.interrupted' : 'trouble.interrupted.reading',
          { kind: 'error', errCode: Code.interrupted, message: 'interrupted: the page was hidden' })
        : [s, []];
    case 'torn': return torn(s);
    case 'drawn':
      return lit(s)
        ? [drawn(s, e), [{ do: 'send', message: { type: 'display', attempt: s.attempt, event: e.event, index: e.index, t: e.t } }]] : [s, []];
    case 'light_over':
      return lit(s) ? [{ ...s, screen: 'analysing', microphone: 'off' }, [{ do: 'dark' }, ...hush(s), { do: 'flush' }]] : [s, []];
    case 'flushed': return flushed(s, e);
    case 'timer': return timer(s, e.name);
  }
}

/** The decision is known, or the session has ended some other way. */
function over(s: State): boolean {
  return s.outcome !== null || s.screen === 'closed';
}

/** The light is on, and pictures are recorded. */
function lit(s: State): boolean { return s.screen === 'flash' || s.screen === 'reading'; }

/** A digit is on the screen from the very frame that drew its light. */
function drawn(s: State, e: { event: DisplayName; index: number }): State {
  if (e.event !== 'prompt') return e.event === 'postroll' ? { ...s, prompt: null } : s;
  const prompt = s.coming.find((p) => p.index === e.index);
  return prompt ? { ...s, prompt, coming: s.coming.filter((p) => p !== prompt) } : s;
}

/** WeChat's stage of a cancel. */
export function stage(screen: Screen): Stage {
  switch (screen) {
    case 'camera': case 'camera_error': case 'microphone_error': return 90003;
    case 'guide': case 'flash': case 'reading': return 90004;
    case 'analysing': return 90005;
    case 'retry': case 'pass': case 'fail': case 'trouble': return 90006;
    default: return 90002;
  }
}

function finish(s: State, outcome: Outcome): Step {
  return [{ ...s, screen: 'closed', outcome }, [...stop(s), { do: 'finish', outcome }]];
}

/** Everything off; safe in any state. */
function stop(s: State): Effect[] {
  const out: Effect[] = [{ do: 'dark' }, ...hush(s), { do: 'frames', mode: 'off', attempt: s.attempt }, { do: 'camera_stop' }];
  if (s.socket === 'open' || s.socket === 'opening') out.push({ do: 'close' });
  return out;
}

/** The microphone off, where it is or may come on. */
function hush(s: State): Effect[] {
  return s.microphone === 'on' || s.microphone === 'asking' ? [{ do: 'microphone_stop' }] : [];
}

/** Shows a trouble that ends the session; the caller hears of it when the person closes the page. */
function trouble(s: State, key: TextKey, outcome: Outcome): Step {
  return [{ ...s, screen: 'trouble', trouble: key, outcome, socket: 'closed', camera: false, microphone: 'off' }, stop(s)];
}

function aborting(s: State, reason: AbortReason): Effect[] {
  return s.socket === 'open' ? [{ do: 'send', message: { type: 'abort', reason, stage: stage(s.screen) } }] : [];
}

function abort(s: State, reason: AbortReason, key: TextKey, outcome: Outcome): Step {
  const [next, effects] = trouble(s, key, outcome);
  // The light goes out before anything else is done.
  return [next, [{ do: 'dark' }, ...aborting(s, reason), ...effects]];
}

function cancel(s: State): Step {
  if (s.outcome) return finish(s, s.outcome);
  if (s.screen === 'camera_error' && s.fault) return finish(s, cameraOutcome(s.fault));
  const [next, effects] = finish(s, microphoneOutcome(s) ?? { kind: 'cancel', stage: stage(s.back ?? s.screen) });
  return [next, [{ do: 'dark' }, ...aborting(s, 'cancel'), ...effects]];
}

/** Nothing can be shown any more: WeChat's "not returned", unless the end is known. */
function torn(s: State): Step {
  const [next, effects] = finish(s, s.outcome ?? { kind: 'error', errCode: Code.notReturned, message: 'not returned' });
  return [next, [{ do: 'dark' }, ...aborting(s, 'hidden'), ...effects]];
}

function decline(s: State): Step {
  switch (s.screen) {
    case 'consent': case 'minor': case 'camera_error':
      return [{ ...s, screen: 'alternative', back: s.screen, outcome: null }, []];
    case 'warning': case 'digits': // once the camera runs, everything goes off
      return s.camera ? leave(s) : [{ ...s, screen: 'alternative', back: s.screen, outcome: null }, []];
    case 'camera': case 'guide': case 'retry': case 'flash': case 'reading': case 'analysing': case 'microphone_error':
      return leave(s);
    case 'fail': case 'trouble':
      return [{ ...s, screen: 'alternative', back: null }, []]; // the outcome stays
    default:
      return [s, []];
  }
}

/** To the other way, with no way back. */
function leave(s: State): Step {
  const outcome: Outcome = { kind: 'cancel', stage: stage(s.screen) };
  return [
    { ...s, screen: 'alternative', back: null, outcome, socket: 'closed', camera: false, microphone: 'off' },
    [{ do: 'dark' }, ...aborting(s, 'alternative'), ...stop(s)],
  ];
}

function retry(s: State): Step {
  if (s.screen === 'camera_error') return [{ ...s, screen: 'camera', fault: null }, [{ do: 'camera_start' }]];
  if (s.screen === 'microphone_error') return listen(s);
  if (s.screen !== 'retry') return [s, []];
  return enter({ ...s, attempt: s.attempt + 1 });
}

/** The person has read what the method does. */
function go(s: State): Step {
  if (s.screen === 'warning') s = { ...s, warned: true };
  else if (s.screen === 'digits' && s.microphone === 'off') s = { ...s, explained: true };
  else return [s, []];
  return s.camera ? enter(s) : [{ ...s, screen: 'camera' }, [{ do: 'camera_start' }]];
}

/** Goes on with the attempt as far as the person has been told what it does. */
function enter(s: State): Step {
  if (s.method === 'digits') {
    if (!s.explained) return [{ ...s, screen: 'digits', microphone: 'off' }, []];
    if (s.microphone !== 'on') return listen(s);
  } else if (!s.warned) {
    return [{ ...s, screen: 'warning' }, []];
  }
  if (s.socket === 'open') return guide(s);
  return [{ ...s, screen: 'guide', socket: 'opening' }, [{ do: 'open' }, { do: 'timer', name: 'welcome', ms: WAIT.welcome }]];
}

/** Asks for the microphone. */
function listen(s: State): Step {
  return [{ ...s, screen: 'digits', microphone: 'asking' }, [{ do: 'microphone_start' }]];
}

/** Starts guiding for the current attempt. */
function guide(s: State): Step {
  return [
    { ...s, screen: 'guide', hint: '', good: false },
    [
      { do: 'send', message: { type: 'ready', attempt: s.attempt } },
      { do: 'frames', mode: 'preview', attempt: s.attempt },
      { do: 'timer', name: 'guide', ms: WAIT.guide },
    ],
  ];
}

function cameraOn(s: State): Step {
  if (s.screen !== 'camera') return [s, []];
  return enter({ ...s, camera: true, fault: null });
}

function cameraOff(s: State, fault: CameraFault): Step {
  if (s.screen === 'camera') return [{ ...s, screen: 'camera_error', fault }, [{ do: 'camera_stop' }]];
  if (!s.camera || s.screen === 'analysing' || over(s)) return [s, []];
  return abort(s, 'camera', 'camera.lost', { kind: 'error', errCode: Code.camera, message: 'camera lost' });
}

function microphoneOff(s: State, fault: MicrophoneFault): Step {
  if (s.screen === 'digits' && s.microphone === 'asking') return [{ ...s, screen: 'microphone_error', microphone: fault }, [{ do: 'microphone_stop' }]];
  if (s.microphone !== 'on' || s.screen !== 'guide' && s.screen !== 'reading') return [s, []];
  return abort(s, 'camera', 'microphone.lost', microphoneOutcome({ ...s, screen: 'microphone_error', microphone: 'lost' })!);
}

/** What the caller hears when the person gives up because the camera does not start. */
export function cameraOutcome(fault: CameraFault): Outcome {
  switch (fault) {
    case 'denied': return { kind: 'error', errCode: Code.cameraDenied, message: 'camera not authorized' };
    case 'both': return { kind: 'error', errCode: Code.bothDenied, message: 'camera and microphone not authorized' };
    default: return { kind: 'error', errCode: Code.camera, message: `camera ${fault}` };
  }
}

/** The same of the microphone; null: it is not that which keeps the person from going on. */
export function microphoneOutcome(s: State): Outcome | null {
  if (s.screen !== 'microphone_error') return null;
  switch (s.microphone) {
    case 'denied': return { kind: 'error', errCode: Code.microphoneDenied, message: 'microphone not authorized' };
    case 'missing': case 'unsupported':
      return { kind: 'error', errCode: Code.notSupported, message: `face detect not support: microphone ${s.microphone}` };
    default: return { kind: 'error', errCode: Code.unknown, message: `microphone ${s.microphone}` };
  }
}

function message(s: State, m: ServerMessage): Step {
  if (over(s) || (s.socket !== 'open' && s.socket !== 'opening')) return [s, []];
  switch (m.type) {
    case 'welcome':
      return s.socket === 'opening' && s.screen === 'guide'
        ? settle({ ...s, socket: 'open', welcome: m, attempt: m.attempt, attemptsLeft: m.attempts - m.attempt, method: m.method })
        : [s, []];
    case 'guide':
      return s.screen === 'guide' ? [{ ...s, hint: m.hint, good: m.ok }, []] : [s, []];
    case 'prepare':
      // Nobody is shown a light, or heard, by a method that they were not told of.
      return s.screen === 'guide' && m.attempt === s.attempt && m.method === s.method
        ? [{ ...s, screen: m.reading ? 'reading' : 'flash', hint: '', reading: m.reading, prompt: null, coming: [] }, [
          { do: 'light', show: m },
          { do: 'frames', mode: 'record', attempt: s.attempt },
          { do: 'portraits', on: true },
          ...(m.reading ? [{ do: 'sound', on: true, attempt: s.attempt } as const] : []),
          { do: 'timer', name: 'challenge', ms: WAIT.challenge },
        ]]
        : [s, []];
    case 'challenge':
      // The clock starts again: a long challenge after a slow network is no fault.
      return s.screen === 'flash' && m.attempt === s.attempt
        ? [s, [{ do: 'light', show: m }, { do: 'portraits', on: false }, { do: 'timer', name: 'challenge', ms: WAIT.challenge }]] : [s, []];
    case 'prompt':
      return s.screen === 'reading' && m.attempt === s.attempt && m.index < s.reading!.digits
        ? [{ ...s, coming: [...s.coming, m] }, [{ do: 'light', show: m }, { do: 'timer', name: 'challenge', ms: WAIT.challenge }]] : [s, []];
    case 'listened':
      return s.screen === 'reading' && m.attempt === s.attempt
        ? [{ ...s, microphone: 'off' }, [{ do: 'sound', on: false, attempt: s.attempt }, { do: 'microphone_stop' }, { do: 'light', show: m }]] : [s, []];
    case 'analysing': // before our own end: the server has stopped waiting
      return lit(s)
        ? [{ ...s, screen: 'analysing', microphone: 'off' }, [
          { do: 'dark' }, ...hush(s), { do: 'frames', mode: 'off', attempt: s.attempt }, { do: 'timer', name: 'result', ms: WAIT.result },
        ]]
        : [s, []];
    case 'result': return result(s, m);
    case 'error': return serverError(s, m);
  }
}

/** The server's word on the method: where it is another than expected, what was asked for goes off and the person is told. */
function settle(s: State): Step {
  const off = s.method === 'flash' ? hush(s) : [];
  const [next, effects] = enter(off.length > 0 ? { ...s, microphone: 'off' } : s);
  return [next, [...off, ...effects]];
}

function result(s: State, r: Result): Step {
  switch (r.outcome) {
    case 'retry':
      return [
        {
          ...s, screen: 'retry', hint: r.hint, attemptsLeft: r.attempts_left, attempt: r.attempt,
          method: r.method, switched: r.method !== s.method, microphone: 'off',
        },
        [{ do: 'dark' }, ...hush(s), { do: 'frames', mode: 'off', attempt: s.attempt }],
      ];
    case 'pass':
      return [{ ...s, screen: 'pass', socket: 'closed', outcome: { kind: 'pass', verifyResult: r.verify_result } }, stop(s)];
    case 'fail':
      return [{
        ...s, screen: 'fail', socket: 'closed', hint: r.hint,
        outcome: { kind: 'fail', errCode: r.err_code, verifyResult: r.verify_result },
      }, stop(s)];
  }
}

function serverError(s: State, e: ServerError): Step {
  const outcome: Outcome = { kind: 'error', errCode: e.err_code || codeOf(e.code), message: e.message || e.code };
  return trouble(s, troubleOf(e.code), outcome);
}

function troubleOf(code: string): TextKey {
  switch (code) {
    case 'expired': return 'trouble.timeout';
    case 'rate_limited': case 'unavailable': return 'trouble.busy';
    case 'conflict': return 'trouble.elsewhere';
    default: return 'trouble.unknown';
  }
}

/** A close without a result or an error before it. */
function socketClosed(s: State, code: number): Step {
  if (over(s) || s.socket === 'none' || s.socket === 'closed') return [s, []];
  const server: Record<number, string> = {
    4400: 'invalid', 4401: 'unauthenticated', 4404: 'not_found', 4409: 'conflict', 4410: 'expired', 4429: 'rate_limited', 4500: 'internal',
  };
  const known = server[code];
  if (known) return serverError(s, { type: 'error', code: known, field: '', message: '', err_code: 0 });
  // Once pictures are recorded, what is lost is the upload.
  const uploading = lit(s) || s.screen === 'analysing';
  const outcome: Outcome = uploading
    ? { kind: 'error', errCode: Code.upload, message: 'upload failed' } : { kind: 'error', errCode: Code.network, message: 'network error' };
  return trouble(s, 'trouble.network', outcome);
}

function flushed(s: State, c: Counts & { samples?: number }): Step {
  if (s.screen !== 'analysing') return [s, []];
  return [s, [
    {
      do: 'send', message: {
        type: 'end', attempt: s.attempt, captured: c.captured, sent: c.sent, dropped: c.dropped,
        ...(s.method === 'digits' ? { samples: c.samples ?? 0 } : {}),
      },
    },
    { do: 'timer', name: 'result', ms: WAIT.result },
  ]];
}

/** A clock ran out; it counts only in the state that it was started for. */
function timer(s: State, name: Timer): Step {
  const waits =
    (name === 'welcome' && s.screen === 'guide' && s.socket === 'opening') ||
    (name === 'guide' && s.screen === 'guide' && s.socket === 'open') ||
    (name === 'challenge' && lit(s)) ||
    (name === 'result' && s.screen === 'analysing');
  if (!waits) return [s, []];
  if (name === 'guide') return trouble(s, 'trouble.timeout', { kind: 'error', errCode: Code.captureTimeout, message: 'timeout' });
  return trouble(s, 'trouble.network', { kind: 'error', errCode: Code.network, message: 'network timeout' });
}
