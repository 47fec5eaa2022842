// One verification: the body of core/machine.ts. It carries out the effects and
// feeds the events back, and owns every resource until the outcome is known.

import { Code, type Outcome } from '../core/errors';
import { begin, reduce, type Effect, type Event, type State, type Timer } from '../core/machine';
import { captureShape, PROTOCOL_VERSION, type Hello } from '../core/protocol';
import { words, WORDING, type Lang } from '../core/text/text';
import { describeTrack } from '../core/track';
import { inLanguage, type Session } from './api';
import { CameraError, closeCamera, listCameras, openCamera, trackFacts, type Camera } from './camera';
import { Microphone, MicrophoneError, microphoneRefused, workletURL } from './microphone';
import { Recorder } from './recorder';
import { CaptureSocket } from './socket';
import { Surface } from './surface';
import { VERSION } from './version';
import { View } from './view';

/** What a verification needs from outside. */
export interface Job {
  server: string;
  lang: Lang;
  session: Session;
  /** asks for a fresh session when reading took long; the notice must be the same */
  renew: () => Promise<Session>;
  /** asks for one that begins with digits; absent: the app leaves no choice */
  digits?: () => Promise<Session>;
}

/** A session older than this share of its life is renewed before the capture. */
const RENEW_AT = 0.6;

/** Runs a verification on the screen. Never rejects. */
export function verifyOnScreen(job: Job): Promise<Outcome> {
  return new Promise((resolve) => {
    try {
      new Run(job, resolve).start();
    } catch (e) {
      resolve({ kind: 'error', errCode: Code.unknown, message: e instanceof Error ? e.message : 'unknown error' });
    }
  });
}

class Run {
  private state: State;
  private session: Session;
  private readonly born = performance.now();
  private readonly surface: Surface;
  private readonly view: View;
  private recorder: Recorder | null = null;
  private socket: CaptureSocket | null = null;
  private camera: Camera | null = null;
  private microphone: Microphone | null = null;
  private hearing = 0;
  private samples = 0;
  private cameras: { id: string; label: string }[] = [];
  private readonly clocks = new Map<Timer, ReturnType<typeof setTimeout>>();
  private readonly queue: Event[] = [];
  private readonly watch = new MutationObserver(() => { if (!this.view.shown()) this.send({ type: 'torn' }); });
  private working = false;
  private over = false;

  constructor(private readonly job: Job, private readonly resolve: (o: Outcome) => void) {
    this.session = job.session;
    this.state = begin(job.session.method === 'digits' ? 'digits' : 'flash', job.session.minor === 'refused');
    this.surface = new Surface(
      (e) => this.send({ type: 'drawn', event: e.event, index: e.index, t: e.t }),
      () => this.send({ type: 'light_over' }),
    );
    this.view = new View(this.surface.canvas, words(job.lang), job.lang, (e) => this.send(e));
  }

  start(): void {
    document.addEventListener('visibilitychange', this.visibility);
    window.addEventListener('pagehide', this.leave);
    // A single-page app that swaps its content takes our element along.
    this.watch.observe(document.documentElement, { childList: true });
    this.watch.observe(document.body, { childList: true });
    this.render();
  }

  private readonly visibility = (): void => { if (document.visibilityState === 'hidden') this.hide(); };

  private readonly hide = (): void => this.send({ type: 'hidden' });

  private readonly leave = (): void => {
    this.hide();
    this.send({ type: 'torn' });
  };

  /** Takes one event; events that effects cause wait for their turn. */
  private send(e: Event): void {
    this.queue.push(e);
    if (this.working) return;
    this.working = true;
    try {
      for (let next = this.queue.shift(); next && !this.over; next = this.queue.shift()) {
        if (next.type === 'message' && next.message.type === 'guide') this.recorder?.answered();
        const [state, effects] = reduce(this.state, next);
        this.state = state;
        for (const effect of effects) this.perform(effect);
        if (!this.over) this.render();
      }
    } catch (err) {
      this.finish({ kind: 'error', errCode: Code.unknown, message: err instanceof Error ? err.message : 'unknown error' });
    } finally {
      this.working = false;
    }
  }

  private render(): void {
    this.view.render(this.state, {
      session: inLanguage(this.session, this.job.lang), cameras: this.cameras, cameraId: this.camera?.deviceId ?? '',
      server: this.job.server, chooseCamera: (id) => void this.startCamera(id), mayRead: this.job.digits !== undefined && this.session.notice.sound === true,
    });
  }

  private perform(e: Effect): void {
    switch (e.do) {
      case 'camera_start': void this.startCamera(); break;
      case 'camera_stop': this.stopCamera(); break;
      case 'open': void this.open(); break;
      case 'close': this.socket?.close(); this.socket = null; break;
      case 'send': this.socket?.send(e.message); break;
      case 'frames': this.frames(e.mode, e.attempt); break;
      case 'microphone_start': void this.startMicrophone(); break;
      case 'microphone_stop': this.stopMicrophone(); break;
      case 'portraits': this.recorder?.portraits(e.on ? this.state.welcome?.portrait ?? null : null); break;
      case 'sound':
        if (e.on) this.microphone?.record(e.attempt);
        else this.samples = this.microphone?.stop() ?? 0;
        break;
      case 'flush':
        void this.recorder?.flush().then((c) => this.send({ type: 'flushed', ...c, samples: this.samples }));
        break;
      case 'light': this.surface.show(e.show); break;
      case 'dark': this.surface.off(); break;
      case 'timer': this.timer(e.name, e.ms); break;
      case 'finish': this.finish(e.outcome); break;
    }
  }

  private timer(name: Timer, ms: number): void {
    clearTimeout(this.clocks.get(name));
    this.clocks.set(name, setTimeout(() => this.send({ type: 'timer', name }), ms));
  }

  private frames(mode: 'preview' | 'record' | 'off', attempt: number): void {
    const w = this.state.welcome;
    if (mode === 'off' || !w) {
      this.recorder?.run(null);
      return;
    }
    this.recorder?.run({
      mode, attempt, shape: mode === 'record' ? captureShape(w, attempt) : w.preview,
      maxBytes: w.limits.frame_bytes, maxFrames: w.limits.frames,
    });
  }

  private async startCamera(deviceId?: string): Promise<void> {
    const video = this.view.video;
    closeCamera(this.camera);
    this.camera = null;
    try {
      const camera = await openCamera(deviceId);
      if (this.over || this.state.outcome) return closeCamera(camera);
      this.camera = camera;
      camera.stream.getVideoTracks()[0]?.addEventListener('ended', () => {
        if (this.camera === camera) this.send({ type: 'camera_off', fault: 'lost' });
      });
      video.srcObject = camera.stream;
      await playing(video);
      this.cameras = await listCameras();
      if (this.camera !== camera) return;
      this.recorder ??= this.record(video);
      this.send({ type: 'camera_on' });
    } catch (e) {
      this.stopCamera();
      const fault = e instanceof CameraError ? e.fault : 'busy';
      const both = fault === 'denied' && this.state.method === 'digits' && await microphoneRefused();
      this.send({ type: 'camera_off', fault: both ? 'both' : fault });
    }
  }

  private async startMicrophone(): Promise<void> {
    this.stopMicrophone();
    const mine = this.hearing;
    let opened: Microphone | null = null;
    try {
      opened = await Microphone.open(workletURL(this.job.server), (piece) => this.socket?.sendFrame(piece), () => {
        if (mine === this.hearing) this.send({ type: 'microphone_off', fault: 'lost' });
      });
      // The person may have left while the browser asked.
      if (mine !== this.hearing || this.over) return opened.close();
      this.microphone = opened;
      this.send({ type: 'microphone_on' });
    } catch (e) {
      if (mine === this.hearing) this.send({ type: 'microphone_off', fault: e instanceof MicrophoneError ? e.fault : 'busy' });
    }
  }

  private stopMicrophone(): void {
    this.hearing++;
    this.microphone?.close();
    this.microphone = null;
  }

  private record(video: HTMLVideoElement): Recorder {
    return new Recorder(video, {
      send: (frame) => this.socket?.sendFrame(frame),
      buffered: () => this.socket?.buffered() ?? 0,
      broken: (message) => this.send({ type: 'broken', message }),
    });
  }

  private stopCamera(): void {
    closeCamera(this.camera);
    this.camera = null;
    this.view.video.srcObject = null;
  }

  /** Opens the socket, with a session that has enough time left and begins as the person chose. */
  private async open(): Promise<void> {
    const chosen = this.state.chosen ? this.job.digits : undefined;
    if (chosen || performance.now() - this.born > this.session.expires_in * 1000 * RENEW_AT) {
      try {
        const fresh = await (chosen ?? this.job.renew)();
        // What the person agreed to must be what they are told now.
        if (fresh.notice_hash !== this.session.notice_hash || fresh.upload_video !== this.session.upload_video || fresh.minor !== this.session.minor) return this.send({ type: 'broken', message: 'the notice has changed' });
        this.session = fresh;
      } catch (e) {
        return this.send({ type: 'broken', message: e instanceof Error ? e.message : 'the session cannot be renewed' });
      }
    }
    if (this.over || this.state.socket !== 'opening') return;
    const socket = new CaptureSocket(this.job.server, {
      open: () => socket.send(this.hello()),
      message: (m) => this.send({ type: 'message', message: m }),
      closed: (code) => this.send({ type: 'socket_closed', code }),
      broken: (message) => this.send({ type: 'broken', message }),
    });
    this.socket = socket;
  }

  private hello(): Hello {
    const { video } = this.view;
    return {
      type: 'hello', v: PROTOCOL_VERSION, session_id: this.session.session_id, capture_token: this.session.capture_token,
      sdk: `web ${VERSION}`, lang: this.job.lang,
      consent: {
        notice: this.session.notice_hash, separate: true, transfer: true, wording: WORDING,
        ...(this.state.guardian ? { guardian: this.state.guardian } : {}),
      },
      camera: {
        width: video.videoWidth || this.camera?.width || 1, height: video.videoHeight || this.camera?.height || 1,
        fps: Math.min(1000, Math.max(0, this.camera?.fps ?? 0)),
      },
      screen: {
        width: Math.max(1, Math.round(window.innerWidth)), height: Math.max(1, Math.round(window.innerHeight)),
        dpr: Math.min(16, Math.max(0.1, window.devicePixelRatio || 1)),
      },
      track: describeTrack(trackFacts(this.camera, this.recorder?.captureTime ?? null)),
    };
  }

  private finish(outcome: Outcome): void {
    if (this.over) return;
    this.over = true;
    for (const c of this.clocks.values()) clearTimeout(c);
    document.removeEventListener('visibilitychange', this.visibility);
    window.removeEventListener('pagehide', this.leave);
    this.watch.disconnect();
    this.recorder?.stop();
    this.surface.off();
    this.socket?.close();
    this.stopMicrophone();
    this.stopCamera();
    this.view.close();
    this.resolve(outcome);
  }
}

/** Waits until the video has a picture. Throws CameraError after 10 s. */
function playing(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve, reject) => {
    const clock = setTimeout(() => reject(new CameraError('busy')), 10_000);
    const ready = (): void => {
      if (video.videoWidth === 0) return;
      clearTimeout(clock);
      video.removeEventListener('loadeddata', ready);
      video.removeEventListener('resize', ready);
      resolve();
    };
    video.addEventListener('loadeddata', ready);
    video.addEventListener('resize', ready);
    // Refused autoplay shows as a time-out; a running stream starts by itself.
    video.play().then(ready, () => undefined);
  });
}
