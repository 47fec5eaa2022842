// Pictures of the face while a string is read; only with the consent to them.

import { fit } from '../core/frame';
import { closeCamera, openCamera, type Camera } from '../sdk/camera';

/** 480 wide from a laptop's camera, 360 from a phone's; as the pictures of a verification. */
const SHAPE = { width: 360, height: 480 };
const EVERY_MS = 90; // about 11 a second
const MOST = 290; // pictures of a string
const QUALITY = 0.8;

export class Film {
  private pictures: { t: number; jpeg: string }[] = [];
  private clock: ReturnType<typeof setInterval> | undefined;
  private readonly canvas = document.createElement('canvas');

  private constructor(private readonly camera: Camera, private readonly video: HTMLVideoElement) {}

  /** Asks for the camera and shows what it sees. Throws CameraError. */
  static async open(video: HTMLVideoElement): Promise<Film> {
    const camera = await openCamera();
    video.srcObject = camera.stream;
    await video.play().catch(() => undefined);
    return new Film(camera, video);
  }

  begin(): void {
    this.end();
    this.pictures = [];
    this.clock = setInterval(() => this.take(), EVERY_MS);
  }

  private take(): void {
    const { video, canvas } = this;
    if (video.videoWidth === 0 || this.pictures.length >= MOST) return;
    const cut = fit(video.videoWidth, video.videoHeight, SHAPE);
    canvas.width = cut.width;
    canvas.height = cut.height;
    canvas.getContext('2d', { alpha: false })?.drawImage(video, cut.sx, cut.sy, cut.sw, cut.sh, 0, 0, cut.width, cut.height);
    this.pictures.push({ t: performance.now(), jpeg: canvas.toDataURL('image/jpeg', QUALITY) });
  }

  end(): { t: number; jpeg: string }[] {
    clearInterval(this.clock);
    return this.pictures;
  }

  close(): void {
    this.end();
    closeCamera(this.camera);
    this.video.srcObject = null;
  }
}
