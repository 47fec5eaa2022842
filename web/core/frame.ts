// Which part of a camera picture is sent, and which pictures: pure rules.

import type { Shape } from './protocol';

/** A cut of the source (sx, sy, sw, sh) and the size it is drawn at. */
export interface Cut {
  sx: number;
  sy: number;
  sw: number;
  sh: number;
  width: number;
  height: number;
}

/**
 * Fits a camera picture into a shape. The shape turns with the picture: 360×480
 * also means 480×360 for a landscape camera. What is wider or taller than the
 * shape (a 16:9 camera) is cut evenly at both ends; nothing is stretched and
 * nothing is enlarged.
 */
export function fit(width: number, height: number, shape: Pick<Shape, 'width' | 'height'>): Cut {
  const long = Math.max(shape.width, shape.height);
  const short = Math.min(shape.width, shape.height);
  const [w, h] = width > height ? [long, short] : [short, long];
  const aspect = w / h;
  const sw = width / height > aspect ? Math.round(height * aspect) : width;
  const sh = width / height > aspect ? height : Math.round(width / aspect);
  const scale = Math.min(1, w / sw);
  return {
    sx: Math.floor((width - sw) / 2), sy: Math.floor((height - sh) / 2), sw, sh,
    width: Math.max(1, Math.round(sw * scale)), height: Math.max(1, Math.round(sh * scale)),
  };
}

/**
 * Picks pictures so that their mean rate comes near fps, whatever the camera's
 * own rate. Times are ms and must not go back; a time that does is refused, so
 * that what is sent is strictly increasing.
 */
export class Pace {
  private last = -Infinity;
  private due = -Infinity;

  /** Is the picture at t to be taken, at this rate? */
  take(t: number, fps: number): boolean {
    if (!(t > this.last)) return false;
    const interval = 1000 / fps;
    // A few ms early is on time: the camera's clock and ours are not locked.
    if (t < this.due - Math.min(8, interval / 4)) return false;
    this.due = Math.max(this.due + interval, t + interval / 2);
    this.last = t;
    return true;
  }

  /** Forgets the rate but not the last time. */
  restart(): void { this.due = -Infinity; }
}

/**
 * Chooses between the camera's own capture time and the time of the callback,
 * once, so that one recording never mixes two clocks.
 */
export class CaptureClock {
  private own: boolean | null = null;

  /** Whether the frames carry the time of their capture; null before the first. */
  get camera(): boolean | null { return this.own; }

  /** captureTime: from the frame's metadata, if there; now: of the callback, ms. */
  time(captureTime: number | undefined, now: number): number {
    const sane = captureTime !== undefined && now - captureTime > -50 && now - captureTime < 1000;
    if (this.own === null) this.own = sane;
    return this.own && sane ? captureTime : now;
  }
}
