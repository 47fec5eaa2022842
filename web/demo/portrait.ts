// Takes the pictures of a registration with the webcam.

import { fit } from '../core/frame';
import { CameraError, closeCamera, openCamera } from '../sdk/camera';

/** Largest picture; the server enrols from these, so they are larger than those of a capture. */
const SHAPE = { width: 480, height: 640 };

/** Time to follow an advice before the picture, ms. */
const PAUSE_MS = 1000;

export interface Shots {
  /** an advice is to be shown; n counts from 1 */
  prompt(n: number, all: number): void;
  /** a picture was taken: show it */
  taken(canvas: HTMLCanvasElement): void;
  /** asked between pictures */
  stopped(): boolean;
}

/** Takes n pictures; gives JPEGs in Base64, or null when stopped. Throws CameraError. */
export async function takePortraits(video: HTMLVideoElement, n: number, shots: Shots): Promise<string[] | null> {
  const camera = await openCamera();
  try {
    video.srcObject = camera.stream;
    await video.play().catch(() => undefined);
    for (let i = 0; video.videoWidth === 0; i++) {
      if (i > 100) throw new CameraError('busy');
      await wait(100);
    }
    const out: string[] = [];
    for (let i = 1; i <= n; i++) {
      shots.prompt(i, n);
      await wait(PAUSE_MS);
      if (shots.stopped()) return null;
      const canvas = snapshot(video);
      out.push(canvas.toDataURL('image/jpeg', 0.92));
      shots.taken(canvas);
    }
    return out;
  } finally {
    closeCamera(camera);
    video.srcObject = null;
  }
}

function snapshot(video: HTMLVideoElement): HTMLCanvasElement {
  const cut = fit(video.videoWidth, video.videoHeight, SHAPE);
  const canvas = document.createElement('canvas');
  canvas.width = cut.width;
  canvas.height = cut.height;
  const x = canvas.getContext('2d', { alpha: false });
  x?.drawImage(video, cut.sx, cut.sy, cut.sw, cut.sh, 0, 0, cut.width, cut.height);
  return canvas;
}

function wait(ms: number): Promise<void> {
  return new Promise((r) => { setTimeout(r, ms); });
}
