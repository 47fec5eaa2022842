// The microphone: opened for reading digits only, closed as soon as they are
// read. What it hears before the server asks for it goes nowhere.

import type { MicrophoneFault } from '../core/machine';
import { encodeSound, SOUND_RATE } from '../core/protocol';
import { Pieces, pcm16, Resampler, SoundClock } from '../core/sound';

/** A microphone that gives no sound. */
export class MicrophoneError extends Error {
  constructor(readonly fault: MicrophoneFault) {
    super(`microphone ${fault}`);
    this.name = 'MicrophoneError';
  }
}

/** The part that runs in the audio thread, beside the SDK. */
export function workletURL(server: string): string { return `${server}/sdk/faceproof-sound.js`; }

/** Whether this browser can record sound as the method needs it. */
export function soundPossible(): boolean {
  return typeof AudioWorkletNode === 'function' && typeof AudioContext === 'function' && !!navigator.mediaDevices?.getUserMedia;
}

/** Whether the person has refused this page the microphone, as far as the browser tells. */
export async function microphoneRefused(): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: 'microphone' as PermissionName })).state === 'denied';
  } catch {
    return false;
  }
}

/** How long the browser may take to start, ms, once it may use the microphone. */
const START_MS = 8000;

/** Sound from so long before the server's word may go along, ms: the parts that were being filled. */
const EARLY_MS = 100;

interface Recording {
  attempt: number;
  pieces: Pieces;
  /** ms: what was heard before stays here */
  since: number;
  /** index of the first sample, in the microphone's own count; −1: none yet */
  from: number;
  seq: number;
}

export class Microphone {
  private heard = 0;
  private sent = 0;
  private recording: Recording | null = null;
  private closed = false;
  private readonly rate: number;
  private readonly resampler: Resampler; // made early: it takes a few ms
  private readonly clock: SoundClock;
  /** of the device, ms: its sound is older than its message */
  private readonly latency: number;

  private constructor(
    private readonly stream: MediaStream, private readonly context: AudioContext, private readonly send: (piece: ArrayBuffer) => void,
  ) {
    this.rate = Math.round(context.sampleRate);
    this.resampler = new Resampler(this.rate);
    this.clock = new SoundClock(this.rate);
    const s = stream.getAudioTracks()[0]?.getSettings?.() as { latency?: number } | undefined;
    this.latency = s?.latency !== undefined && s.latency > 0 && s.latency < 0.5 ? s.latency * 1000 : 0;
  }

  /** Asks the person, and starts. lost: the device went away. Throws MicrophoneError. */
  static async open(worklet: string, send: (piece: ArrayBuffer) => void, lost: () => void): Promise<Microphone> {
    if (!soundPossible()) throw new MicrophoneError('unsupported');
    let stream: MediaStream;
    try {
      // What makes a call pleasant spoils a measurement. A browser that cannot do without may do with.
      stream = await navigator.mediaDevices.getUserMedia({
        video: false,
        audio: { channelCount: { ideal: 1 }, echoCancellation: { ideal: false }, noiseSuppression: { ideal: false }, autoGainControl: { ideal: false } },
      });
    } catch (e) {
      throw new MicrophoneError(faultOf(e));
    }
    let m: Microphone | null = null;
    try {
      const opened = m = new Microphone(stream, new AudioContext(), send);
      await inTime(opened.start(worklet));
      stream.getAudioTracks()[0]?.addEventListener('ended', () => { if (!opened.closed) lost(); });
      return opened;
    } catch (e) {
      m?.close();
      for (const t of stream.getTracks()) t.stop();
      throw e instanceof MicrophoneError ? e : new MicrophoneError('busy');
    }
  }

  private async start(worklet: string): Promise<void> {
    const { context } = this;
    try {
      await context.audioWorklet.addModule(worklet);
    } catch {
      throw new MicrophoneError('unsupported'); // the page's policy, or a server that is older
    }
    const node = new AudioWorkletNode(context, 'faceproof-sound', { numberOfInputs: 1, numberOfOutputs: 1, channelCount: 1, channelCountMode: 'explicit' });
    const first = new Promise<void>((resolve) => {
      node.port.onmessage = (e: MessageEvent<Float32Array>) => {
        resolve();
        this.take(e.data);
      };
    });
    context.createMediaStreamSource(this.stream).connect(node);
    node.connect(context.destination); // some browsers run only what leads there; it stays silent
    await context.resume();
    await first;
  }

  private take(part: Float32Array): void {
    if (this.closed) return;
    const from = this.heard;
    this.heard += part.length;
    this.clock.heard(this.heard, performance.now());
    const r = this.recording;
    if (!r) return;
    if (r.from < 0) {
      // After a stall of the page, what was heard before the server asked comes first.
      if (this.clock.time(from) < r.since) return;
      r.from = from;
    }
    for (const piece of r.pieces.push(pcm16(this.resampler.push(part)))) this.deliver(r, piece);
  }

  private deliver(r: Recording, piece: { from: number; samples: Int16Array }): void {
    const t = this.clock.time(r.from + (piece.from * this.rate) / SOUND_RATE) - this.latency;
    this.send(encodeSound({ attempt: r.attempt, seq: r.seq++, t }, piece.samples));
    this.sent += piece.samples.length;
  }

  /** Sends what is heard from now on, as sound of an attempt; each has a microphone of its own. */
  record(attempt: number): void {
    this.sent = 0;
    this.clock.fix(true);
    this.recording = { attempt, pieces: new Pieces(), since: performance.now() - EARLY_MS, from: -1, seq: 0 };
  }

  /** Sends the rest, and gives the number of samples that were sent. */
  stop(): number {
    const r = this.recording;
    this.recording = null;
    this.clock.fix(false);
    const last = r?.pieces.end();
    if (r && last) this.deliver(r, last);
    return this.sent;
  }

  /** Turns the microphone's mark off. */
  close(): void {
    this.closed = true;
    this.recording = null;
    for (const t of this.stream.getTracks()) t.stop();
    this.context.close().catch(() => undefined);
  }
}

function inTime(work: Promise<void>): Promise<void> {
  let clock: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => { clock = setTimeout(() => reject(new MicrophoneError('busy')), START_MS); });
  return Promise.race([work, late]).finally(() => clearTimeout(clock));
}

function faultOf(e: unknown): MicrophoneFault {
  switch ((e as { name?: string } | null)?.name) {
    case 'NotAllowedError': case 'SecurityError': case 'PermissionDeniedError': return 'denied';
    case 'NotFoundError': case 'DevicesNotFoundError': case 'OverconstrainedError': return 'missing';
    default: return 'busy';
  }
}
