// Takes pictures from the playing video, encodes each as one JPEG and sends it.
// No video codec: it would smooth away the small changes of light that are
// measured. What cannot be encoded or sent in time is dropped and counted, so
// that a slow device or network is told apart from a forger.

import { CaptureClock, fit, Pace } from '../core/frame';
import { encodeFrame, type Counts, type Shape } from '../core/protocol';

/** Pictures that may wait to be encoded and delivered; more are dropped. */
const MAX_ENCODING = 8;

/** Bytes that may wait in the socket before pictures are dropped; see docs/protocol.md "challenge to end". */
const MAX_BUFFERED = 1 << 20;

/** Above this the rate goes down to two thirds: fewer pictures rather than worse ones. */
const SLOW_BUFFERED = MAX_BUFFERED / 2;

/** A preview without an answer blocks the next one for so long, ms. */
const ANSWER_MS = 1500;

/** How long flush waits for the encoder, ms. */
const FLUSH_MS = 3000;

/** Where the pictures go. */
export interface Sink {
  send(frame: ArrayBuffer): void;
  /** bytes that wait in the socket */
  buffered(): number;
  /** the browser cannot make JPEG */
  broken(why: string): void;
}

interface Plan {
  mode: 'preview' | 'record';
  attempt: number;
  shape: Shape;
  maxBytes: number;
  maxFrames: number;
}

/** A canvas of the size that was drawn last: changing the size costs time. */
class Easel {
  private readonly canvas = document.createElement('canvas');
  private x: CanvasRenderingContext2D | null = null;

  draw(video: HTMLVideoElement, shape: Shape): HTMLCanvasElement | null {
    const cut = fit(video.videoWidth, video.videoHeight, shape);
    const c = this.canvas;
    if (!this.x || c.width !== cut.width || c.height !== cut.height) {
      c.width = cut.width;
      c.height = cut.height;
      this.x = c.getContext('2d', { alpha: false, willReadFrequently: true });
      // The default skips pixels where it shrinks by more than two, and gives noise for them.
      if (this.x) this.x.imageSmoothingQuality = 'medium';
    }
    this.x?.drawImage(video, cut.sx, cut.sy, cut.sw, cut.sh, 0, 0, cut.width, cut.height);
    return this.x && c;
  }
}

export class Recorder {
  private plan: Plan | null = null;
  private readonly pace = new Pace();
  private portrait: Shape | null = null;
  private readonly clock = new CaptureClock();
  private readonly small = new Easel();
  private readonly large = new Easel();
  private counts: Counts = { captured: 0, sent: 0, dropped: 0 };
  private seq = 0;
  private previewSeq = 0;
  private encoding = 0;
  private chain: Promise<void> = Promise.resolve();
  private askedAt = -Infinity;
  private stopped = false;

  constructor(private readonly video: HTMLVideoElement, private readonly sink: Sink) {
    this.watch();
  }

  /** Sends previews or the capture of an attempt, or nothing (null). */
  run(plan: Plan | null): void {
    this.plan = plan;
    this.portrait = null;
    this.pace.restart();
    this.askedAt = -Infinity;
    if (plan?.mode === 'record') {
      this.seq = 0;
      this.counts = { captured: 0, sent: 0, dropped: 0 };
    }
  }

  /** The shape of all frames of the capture from now on; null: the plan's. */
  portraits(shape: Shape | null): void {
    this.portrait = shape;
  }

  /** Whether frames carry the time of their capture; null before the first. */
  get captureTime(): boolean | null { return this.clock.camera; }

  /** The server has answered the last preview. */
  answered(): void { this.askedAt = -Infinity; }

  /** Ends the capture: waits for the pictures in work and gives the counts. */
  async flush(): Promise<Counts> {
    const late = new Promise<void>((r) => { setTimeout(r, FLUSH_MS); });
    this.plan = this.plan && { ...this.plan, maxFrames: 0 };
    await Promise.race([this.chain, late]);
    this.plan = null;
    const { captured, sent } = this.counts;
    return { captured, sent, dropped: captured - sent };
  }

  stop(): void {
    this.stopped = true;
    this.plan = null;
  }

  /** Calls back for every picture of the camera. */
  private watch(): void {
    const v = this.video;
    if (typeof v.requestVideoFrameCallback === 'function') {
      const next: VideoFrameRequestCallback = (now, meta) => {
        if (this.stopped) return;
        v.requestVideoFrameCallback(next);
        this.picture(this.clock.time(meta.captureTime, now));
      };
      v.requestVideoFrameCallback(next);
      return;
    }
    let last = -1; // browsers without it: a new currentTime is a new picture
    const next = (now: number): void => {
      if (this.stopped) return;
      requestAnimationFrame(next);
      if (v.currentTime === last) return;
      last = v.currentTime;
      this.picture(now);
    };
    requestAnimationFrame(next);
  }

  private picture(t: number): void {
    const p = this.plan;
    if (!p || p.maxFrames === 0 || this.video.videoWidth === 0) return;
    const slow = p.mode === 'record' && this.sink.buffered() > SLOW_BUFFERED;
    if (p.mode === 'preview' && (this.encoding > 0 || t - this.askedAt < ANSWER_MS)) return;
    const { fps } = this.shape(p);
    if (!this.pace.take(t, slow ? (fps * 2) / 3 : fps)) return;
    if (p.mode === 'preview') this.askedAt = t;
    else this.counts.captured++;
    if (this.encoding >= MAX_ENCODING || (p.mode === 'record' && this.sink.buffered() > MAX_BUFFERED)) return;
    this.encode(p, t);
  }

  private shape(p: Plan): Shape { return p.mode === 'record' && this.portrait || p.shape; }

  private encode(p: Plan, t: number): void {
    const shape = this.shape(p);
    const blob = this.snapshot(shape, shape === p.shape ? this.small : this.large);
    if (!blob) return;
    blob.catch(() => undefined); // handled below, when its turn comes
    this.encoding++;
    // In a chain, so that pictures leave in the order in which they were taken.
    this.chain = this.chain.then(async () => {
      try {
        this.deliver(p, t, await blob);
      } finally {
        this.encoding--;
      }
    }).catch(() => undefined); // counted as dropped: captured − sent
  }

  /**
   * Draws the current picture and starts to encode it. Chromium's toBlob waits
   * until the page is idle, up to a second, and on a busy device that costs
   * many pictures; so while one waits, the next are encoded at once (a few ms).
   */
  private snapshot(shape: Shape, easel: Easel): Promise<Uint8Array> | null {
    const c = easel.draw(this.video, shape);
    if (!c) return null;
    const quality = shape.quality / 100;
    if (this.encoding > 0) return Promise.resolve(c.toDataURL('image/jpeg', quality)).then((url) => this.bytes(url));
    return new Promise((resolve, reject) => {
      c.toBlob((b) => {
        if (!b) return reject(new Error('no picture'));
        if (b.type !== 'image/jpeg') return reject(this.noJPEG());
        b.arrayBuffer().then((a) => resolve(new Uint8Array(a)), reject);
      }, 'image/jpeg', quality);
    });
  }

  /** The bytes of a data URL. */
  private bytes(url: string): Uint8Array {
    const head = 'data:image/jpeg;base64,';
    if (!url.startsWith(head)) throw this.noJPEG();
    const raw = atob(url.slice(head.length));
    const out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }

  /** A browser without a JPEG encoder gives PNG instead, silently. */
  private noJPEG(): Error {
    this.sink.broken('this browser cannot encode JPEG');
    return new Error('not JPEG');
  }

  private deliver(p: Plan, t: number, jpeg: Uint8Array): void {
    const now = this.plan;
    // The attempt or the mode has changed while this one was being encoded.
    if (!now || now.mode !== p.mode || now.attempt !== p.attempt) return;
    if (jpeg.length > p.maxBytes) return;
    if (p.mode === 'preview') {
      this.sink.send(encodeFrame({ attempt: p.attempt, preview: true, seq: this.previewSeq++, t }, jpeg));
      return;
    }
    if (this.counts.sent >= p.maxFrames) return;
    this.sink.send(encodeFrame({ attempt: p.attempt, preview: false, seq: this.seq++, t }, jpeg));
    this.counts.sent++;
  }
}
