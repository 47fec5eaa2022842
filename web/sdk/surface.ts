// The light: paints core/flash.ts on one full-screen canvas, by animation
// frames, and reports what each frame drew first.

import { ask, dark, mix, picture, prepare, rest, start, step, type Light, type LightEvent, type Picture } from '../core/flash';
import type { Challenge, Listened, Prepare, Prompt, RGB } from '../core/protocol';

/** The page behind the light; style.ts paints the same colour. */
export const PAGE: RGB = [244, 246, 249];

/**
 * Pixels along the long axis. The browser stretches the canvas over the screen;
 * colours are flat and edges smooth, so that more pixels would only cost time.
 */
const LONG = 240;

/** How many colours the smooth edge is made of. */
const STOPS = 6;

export class Surface {
  readonly canvas: HTMLCanvasElement;
  private readonly x: CanvasRenderingContext2D;
  private light: Light = dark(PAGE);
  private frame = 0;
  private shown = '';

  constructor(private readonly onDrawn: (e: LightEvent) => void, private readonly onOver: () => void) {
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('data-flash-surface', '');
    this.canvas.setAttribute('aria-hidden', 'true');
    const x = this.canvas.getContext('2d', { alpha: false });
    if (!x) throw new Error('this browser has no 2d canvas');
    this.x = x;
    this.resize();
    this.paint({ below: PAGE, above: PAGE, edge: null, forward: true });
  }

  /** Starts the lead and the pre-roll, hands over the colours or a digit's, or ends the digits. */
  show(what: Prepare | Challenge | Prompt | Listened): void {
    switch (what.type) {
      case 'prepare': this.light = prepare(this.light, what); break;
      case 'challenge': this.light = start(this.light, what); break;
      case 'prompt': this.light = ask(this.light, what); break;
      case 'listened': this.light = rest(this.light, what); break;
    }
    if (!this.frame) this.frame = requestAnimationFrame(this.tick);
  }

  /** Puts the light out now, not at the next frame. */
  off(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.light = dark(PAGE);
    this.paint({ below: PAGE, above: PAGE, edge: null, forward: true });
  }

  private readonly tick = (t: number): void => {
    const [next, events] = step(this.light, t);
    this.light = next;
    if (next.phase === 'done') {
      this.off();
      this.onOver();
      return;
    }
    this.frame = requestAnimationFrame(this.tick);
    const p = picture(next, t);
    if (p) this.paint(p);
    for (const e of events) this.onDrawn(e);
  };

  private resize(): void {
    const w = Math.max(1, window.innerWidth);
    const hgt = Math.max(1, window.innerHeight);
    const scale = LONG / Math.max(w, hgt);
    const cw = Math.max(1, Math.round(w * scale));
    const ch = Math.max(1, Math.round(hgt * scale));
    if (this.canvas.width === cw && this.canvas.height === ch) return;
    this.canvas.width = cw; // clears it
    this.canvas.height = ch;
    this.shown = '';
  }

  private paint(p: Picture): void {
    this.resize();
    const what = p.edge ? `${p.below}|${p.above}|${p.edge}|${p.forward}` : String(p.below);
    if (what === this.shown) return; // nothing moves: leave the compositor alone
    this.shown = what;
    const { x, canvas } = this;
    x.fillStyle = css(p.below);
    x.fillRect(0, 0, canvas.width, canvas.height);
    if (!p.edge) return;
    const down = canvas.height >= canvas.width;
    const long = down ? canvas.height : canvas.width;
    const at = (share: number): number => (p.forward ? share : 1 - share) * long;
    const [a, b] = [at(p.edge[0]), at(p.edge[1])];
    const g = down ? x.createLinearGradient(0, a, 0, b) : x.createLinearGradient(a, 0, b, 0);
    for (let i = 0; i <= STOPS; i++) g.addColorStop(i / STOPS, css(mix(p.above, p.below, i / STOPS)));
    x.fillStyle = g; // beyond its ends a gradient goes on with its end colours
    x.fillRect(0, 0, canvas.width, canvas.height);
  }
}

function css(c: RGB): string { return `rgb(${c[0]},${c[1]},${c[2]})`; }
