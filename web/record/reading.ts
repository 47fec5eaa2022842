// Reads one string: shows it when it is due, and records what is heard, and seen.

import { Ending, Tape } from './tape';
import type { Item } from './plan';
import type { Film } from './film';

/** What goes to the server beside the code. */
export interface Take {
  n: number;
  samples: Int16Array;
  t0: number;
  shown: number[];
  film: { t: number; jpeg: string }[];
}

/** The least that a take lasts, ms: the server's own check asks for 3 s. */
const LEAST_MS = 3400;

/** What follows the end of the sound, ms: pieces are 100 ms long. */
const REST_MS = 150;

export interface Stage {
  /** shows a digit, or the whole string; null: nothing */
  show(what: string | null): void;
  /** the level of what is heard, dBFS */
  hears(db: number): void;
}

/** The microphone as far as it is needed; sdk/microphone.ts. */
export interface Ear {
  record(attempt: number): void;
  stop(): number;
}

export class Reading {
  private tape = new Tape();
  private stopped = false;
  private read = false;
  private ending = new Ending();
  private visible = false;

  constructor(private readonly item: Item, private readonly ear: Ear, private readonly film: Film | null, private readonly stage: Stage) {}

  /** A message of the microphone. */
  hear(message: ArrayBuffer): void {
    const db = this.tape.push(message);
    this.stage.hears(db);
    if (!this.item.paced && this.ending.hear(db, this.visible)) this.read = true;
  }

  /** Ends it; run then gives null. */
  stop(): void { this.stopped = true; }

  /** Gives what was read; null: stopped. */
  async run(): Promise<Take | null> {
    const { item, stage } = this;
    this.ear.stop(); // what was heard for the meter
    this.ear.record(1);
    this.film?.begin();
    const start = performance.now();
    const shown: number[] = [];
    try {
      const parts = item.paced ? [...item.label] : [item.label];
      for (const [i, part] of parts.entries()) {
        if (!await this.until(() => performance.now() >= start + item.preroll_ms + (item.show_ms[i] ?? 0))) return null;
        stage.show(part);
        this.visible = true;
        shown.push(await drawn());
      }
      const over = (): boolean => performance.now() >= start + item.preroll_ms + item.end_ms
        || this.read && performance.now() >= start + LEAST_MS;
      if (!await this.until(over)) return null;
      stage.show(null);
      await wait(REST_MS);
      this.ear.stop(); // sends the rest
      const samples = this.tape.samples();
      const t0 = this.tape.from;
      return { n: item.n, samples, t0, shown, film: this.film?.end() ?? [] };
    } finally {
      stage.show(null);
      this.film?.end();
      this.ear.stop();
    }
  }

  private async until(due: () => boolean): Promise<boolean> {
    while (!due()) {
      if (this.stopped) return false;
      await wait(10);
    }
    return !this.stopped;
  }
}

function wait(ms: number): Promise<void> { return new Promise((r) => { setTimeout(r, ms); }); }

/** The time of the animation frame that draws what was just changed. */
function drawn(): Promise<number> { return new Promise((r) => { requestAnimationFrame(() => r(performance.now())); }); }
