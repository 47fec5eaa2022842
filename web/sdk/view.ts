// The full-screen page over the app's page: a modal dialog in a shadow root,
// with the light's canvas in the light DOM (one element marked
// data-flash-surface) shown through a slot.

import type { Event, State } from '../core/machine';
import type { Lang, Words } from '../core/text/text';
import { h } from './dom';
import { content, guideText, readingText, type Setting } from './screens';
import { css } from './style';

/** A new advice replaces the old one at most this often, ms: it must be readable, and heard. */
const ADVICE_MS = 800;

export class View {
  readonly video = h('video', { playsinline: true, muted: true, autoplay: true, 'aria-hidden': 'true' });
  private readonly host = document.createElement('div');
  private readonly dialog = h('dialog', {});
  private readonly cam = h('div', { class: 'cam' }, this.video);
  private readonly advice = h('p', { class: 'hint', role: 'status', 'aria-live': 'polite', 'data-testid': 'fp-hint' });
  private readonly main = h('div', { class: 'main' });
  private readonly status = h('p', { class: 'sr', role: 'status', 'aria-live': 'polite' });
  private readonly before = document.activeElement;
  private readonly overflow = document.documentElement.style.overflow;
  private drawn = '';
  private advised = -Infinity;
  private adviceClock: ReturnType<typeof setTimeout> | undefined;
  private state: State | null = null;

  constructor(canvas: HTMLCanvasElement, private readonly say: Words, lang: Lang, private readonly send: (e: Event) => void) {
    this.video.muted = true; // the attribute alone does not count for autoplay
    const root = this.host.attachShadow({ mode: 'open' });
    style(root);
    this.host.setAttribute('data-testid', 'fp-root');
    this.host.lang = lang === 'zh' ? 'zh-CN' : 'en';
    canvas.slot = 'light';
    this.host.append(canvas);
    const cancel = h('button', { type: 'button', class: 'quiet', 'data-testid': 'fp-cancel', click: () => send({ type: 'cancel' }) }, say('cancel'));
    // While the light runs there is no other place for it: see style.ts.
    const away = h('button', { type: 'button', class: 'quiet away', 'data-testid': 'fp-other-lit', click: () => send({ type: 'decline' }) }, say('other'));
    this.dialog.setAttribute('aria-label', say('title'));
    this.dialog.append(
      h('div', { class: 'light' }, h('slot', { name: 'light' })),
      h('div', { class: 'page' }, h('div', { class: 'bar' }, h('span', {}, say('title')), away, cancel), this.cam, this.advice, this.main),
      this.status,
    );
    this.dialog.addEventListener('cancel', (e) => { // Escape, or "back" on Android
      e.preventDefault();
      send({ type: 'cancel' });
    });
    this.dialog.addEventListener('close', () => send({ type: 'cancel' }));
    root.append(this.dialog);
    document.body.append(this.host);
    document.documentElement.style.overflow = 'hidden';
    this.open();
  }

  /** Shows a state. */
  render(s: State, c: Omit<Setting, 'say' | 'send'>): void {
    this.state = s;
    this.dialog.setAttribute('data-screen', s.screen);
    this.host.setAttribute('data-screen', s.screen);
    this.dialog.setAttribute('data-lit', String(s.screen === 'flash' || s.screen === 'reading'));
    this.dialog.setAttribute('data-good', String(s.screen === 'guide' && s.good));
    const key = [s.screen, s.attempt, s.fault, s.trouble, s.microphone === 'asking', s.screen === 'guide' ? c.cameras.map((d) => d.id) : ''].join();
    if (key !== this.drawn) {
      this.drawn = key;
      this.advised = -Infinity;
      this.main.replaceChildren(...content(s, { ...c, say: this.say, send: this.send }));
      const heading = this.main.querySelector('h1'); // none while the microphone listens: see screens.ts
      heading?.focus({ preventScroll: true });
      this.dialog.scrollTop = 0;
      // While the light runs nothing must be focused away, but it is said.
      this.status.textContent = heading?.textContent ?? '';
    }
    if (s.screen === 'reading') this.read(s);
    this.advise();
  }

  /** The page still holds our element. */
  shown(): boolean { return this.host.isConnected; }

  /** Removes everything and gives the page back as it was. */
  close(): void {
    clearTimeout(this.adviceClock);
    this.video.srcObject = null;
    this.host.remove();
    document.documentElement.style.overflow = this.overflow;
    if (this.before instanceof HTMLElement) this.before.focus({ preventScroll: true });
  }

  private open(): void {
    if (typeof this.dialog.showModal === 'function') this.dialog.showModal();
    else this.dialog.setAttribute('open', ''); // old browsers: covers the page, though the page behind stays reachable by keyboard
  }

  /** Puts a digit on the plate, in the very frame that draws its colour. */
  private read(s: State): void {
    const text = readingText(s);
    for (const [name, value] of [['.plate', text.digits], ['.progress', text.progress]] as const) {
      const el = this.main.querySelector(name);
      if (el && el.textContent !== value) el.textContent = value;
    }
  }

  private advise(): void {
    const s = this.state;
    const text = s?.screen === 'guide' ? this.say(guideText(s)) : '';
    clearTimeout(this.adviceClock);
    if (text === this.advice.textContent) return;
    const wait = this.advised + ADVICE_MS - performance.now();
    if (text !== '' && wait > 0) {
      this.adviceClock = setTimeout(() => this.advise(), wait);
      return;
    }
    this.advised = performance.now();
    this.advice.textContent = text;
  }
}

/** Constructed style sheets need no 'unsafe-inline' in the page's policy. */
function style(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.append(h('style', {}, css)); // Safari before 16.4
  }
}
