// The demo page. Its controls carry data-testid; web/README.md lists them.

import { languageOf, words, type Lang } from '../core/text/text';
import { CameraError } from '../sdk/camera';
import type { Faceproof } from '../sdk/sdk';
import type { Wx } from '../sdk/wx';
import { inventNumber } from './identity';
import { takePortraits } from './portrait';
import { en, zh, type DemoKey } from './text';
import { verdict } from './verdict';

declare const faceproof: Faceproof;
declare function verify(name: string, idCardNumber: string, done: (how: string, res: unknown) => void): void;

const PICTURES = 6;

/** What the last verification left to redeem. */
type Claim = { path: string; body: object };

let lang: Lang = saved() ?? languageOf(navigator.language);
let claim: Claim | null = null;
let redeemed = 0;
let stopping = false;

function saved(): Lang | null {
  try {
    const l = localStorage.getItem('faceproof-demo-lang');
    return l === 'zh' || l === 'en' ? l : null;
  } catch {
    return null; // storage may be switched off
  }
}

function say(key: DemoKey, values: Record<string, string | number> = {}): string {
  return (lang === 'en' ? en : zh)[key].replace(/\{(\w+)\}/g, (all, n: string) => String(values[n] ?? all));
}

function at<T extends HTMLElement>(id: string): T {
  const el = document.querySelector<T>(`[data-testid="${id}"]`);
  if (!el) throw new Error(`the page lacks ${id}`);
  return el;
}

// Texts that the program has set, so that a change of language reaches them.
const live = new Map<HTMLElement, () => string>();

function tell(id: string, text: () => string, kind = ''): void {
  const el = at(id);
  live.set(el, text);
  el.textContent = text();
  el.dataset['kind'] = kind;
}

function speak(): void {
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
  for (const el of document.querySelectorAll<HTMLElement>('[data-i18n]')) {
    if (!live.has(el)) el.textContent = say(el.dataset['i18n'] as DemoKey);
  }
  for (const [el, text] of live) el.textContent = text();
  faceproof.configure({ lang });
}

/** A refusal of the demo's backend. */
class Refused extends Error {
  constructor(readonly field: string, message: string) { super(message); }
}

async function call(path: string, body: object): Promise<Record<string, unknown>> {
  let r: Response;
  try {
    r = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  } catch {
    throw new Refused('network', '');
  }
  const answer = (await r.json().catch(() => ({}))) as Record<string, unknown>;
  if (!r.ok) throw new Refused(String(answer['field'] ?? ''), String(answer['message'] ?? `HTTP ${r.status}`));
  return answer;
}

function problem(e: unknown): string {
  if (e instanceof CameraError) return words(lang)(`camera.${e.fault}`);
  if (!(e instanceof Refused)) return say('err.other', { why: e instanceof Error ? e.message : String(e) });
  switch (e.field) {
    case 'network': return say('err.network');
    case 'name': case 'idCardNumber': case 'frames': return say(`err.field.${e.field}`, { why: e.message });
    default: return say('err.other', { why: e.message });
  }
}

function who(): { name: string; idCardNumber: string } {
  return { name: at<HTMLInputElement>('demo-name').value.trim(), idCardNumber: at<HTMLInputElement>('demo-id').value.trim() };
}

// Step 1

async function register(): Promise<void> {
  const person = who();
  if (!person.name || !person.idCardNumber) return tell('demo-register-status', () => say('s1.need'), 'bad');
  const button = at<HTMLButtonElement>('demo-register');
  const camera = at('demo-camera');
  const shots = at('demo-shots');
  stopping = false;
  button.disabled = true;
  camera.hidden = false;
  shots.replaceChildren();
  tell('demo-register-status', () => say('s1.camera'));
  try {
    const frames = await takePortraits(at<HTMLVideoElement>('demo-video'), PICTURES, {
      prompt: (n, all) => tell('demo-register-status', () => say('s1.shot', { n, all, what: say(`s1.p${n}` as DemoKey) })),
      taken: (canvas) => shots.append(canvas),
      stopped: () => stopping,
    });
    camera.hidden = true;
    if (!frames) return tell('demo-register-status', () => '');
    tell('demo-register-status', () => say('s1.sending'));
    const a = await call('api/register', { ...person, frames });
    tell('demo-register-status', () => say('s1.ok', { name: String(a['maskedName'] ?? ''), n: String(a['frames'] ?? PICTURES) }), 'ok');
    live.set(button, () => say('s1.again'));
    button.textContent = say('s1.again');
  } catch (e) {
    tell('demo-register-status', () => problem(e), 'bad');
  } finally {
    button.disabled = false;
    camera.hidden = true;
  }
}

// Step 2

/** The app's own server signs wx.config; here the demo's backend does. */
async function configure(): Promise<void> {
  const c = await call('api/config', { url: location.href.split('#')[0] });
  await new Promise<void>((ok, no) => {
    faceproof.wx.ready(ok);
    faceproof.wx.error((res) => no(new Error(res.errMsg)));
    faceproof.wx.config(c as unknown as Parameters<Wx['config']>[0]);
  });
}

async function start(run: (done: (how: string, res: unknown) => void) => void | Promise<void>, redeem: (res: Record<string, unknown>) => Claim | null): Promise<void> {
  const person = who();
  if (!person.name || !person.idCardNumber) return tell('demo-verify-status', () => say('s1.need'), 'bad');
  const buttons = [at<HTMLButtonElement>('demo-verify'), at<HTMLButtonElement>('demo-verify2')];
  for (const b of buttons) b.disabled = true;
  tell('demo-verify-status', () => say('s2.running'));
  try {
    await configure();
    const [how, res] = await new Promise<[string, Record<string, unknown>]>((ok, no) => {
      void Promise.resolve(run((h, r) => ok([h, r as Record<string, unknown>]))).catch(no);
    });
    tell('demo-verify-status', () => '');
    tell('demo-callback', () => `${how}(${JSON.stringify(res, null, 2)})`, how === 'success' ? 'ok' : 'bad');
    claim = redeem(res);
    redeemed = 0;
    showRedeem();
    at('demo-step3').scrollIntoView({ block: 'start' });
  } catch (e) {
    tell('demo-verify-status', () => problem(e), 'bad');
  } finally {
    for (const b of buttons) b.disabled = false;
    at(claim ? 'demo-redeem' : 'demo-verify').focus({ preventScroll: true }); // a disabled button has lost it
  }
}

function verify1(): Promise<void> {
  const { name, idCardNumber } = who();
  return start(
    (done) => verify(name, idCardNumber, done),
    (res) => (res['verifyResult'] ? { path: 'api/redeem', body: { verifyResult: res['verifyResult'] } } : null),
  );
}

function verify2(): Promise<void> {
  let verifyId = '';
  return start(
    async (done) => {
      const order = await call('api/verifyid', who());
      verifyId = String(order['verifyId'] ?? '');
      faceproof.wx.requestFacialVerify({
        verifyId, success: (res) => done('success', res), fail: (res) => done('fail', res),
      });
    },
    () => (verifyId ? { path: 'api/query', body: { verifyId } } : null),
  );
}

// Step 4

function showRedeem(): void {
  const button = at<HTMLButtonElement>('demo-redeem');
  button.disabled = claim === null;
  live.set(button, () => say(redeemed > 0 && claim?.path === 'api/redeem' ? 's4.again' : 's4.go'));
  button.textContent = live.get(button)!();
  if (redeemed > 0) return;
  tell('demo-redeemed', () => (claim ? '' : say('s4.none')));
  tell('demo-verdict', () => '');
}

async function redeem(): Promise<void> {
  if (!claim) return;
  const button = at<HTMLButtonElement>('demo-redeem');
  button.disabled = true;
  try {
    const answer = await call(claim.path, claim.body);
    redeemed++;
    tell('demo-redeemed', () => JSON.stringify(answer, null, 2));
    const v = verdict(answer);
    tell('demo-verdict', () => say(v.key, { code: v.code }), v.pass ? 'ok' : 'bad');
  } catch (e) {
    tell('demo-verdict', () => problem(e), 'bad');
  } finally {
    showRedeem();
  }
}

function begin(): void {
  faceproof.install(window);
  at('demo-insecure').hidden = window.isSecureContext;
  at('demo-lang').addEventListener('click', () => {
    lang = lang === 'zh' ? 'en' : 'zh';
    try {
      localStorage.setItem('faceproof-demo-lang', lang);
    } catch {
      // it then holds for this page alone
    }
    speak();
  });
  at('demo-make').addEventListener('click', () => {
    const random = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
    at<HTMLInputElement>('demo-id').value = inventNumber(random);
  });
  at('demo-register').addEventListener('click', () => void register());
  at('demo-stop').addEventListener('click', () => { stopping = true; });
  at('demo-verify').addEventListener('click', () => void verify1());
  at('demo-verify2').addEventListener('click', () => void verify2());
  at('demo-redeem').addEventListener('click', () => void redeem());
  at('demo-h5').addEventListener('click', () => {
    try {
      sessionStorage.setItem('faceproof-demo-person', JSON.stringify(who())); // for that page, in this tab
    } catch {
      // it then has to be typed again
    }
  });
  tell('demo-callback', () => say('s3.none'));
  showRedeem();
  speak();
  fetch('sample.js').then((r) => r.text()).then((code) => { at('demo-code').textContent = code.trim(); }, () => undefined);
  document.documentElement.dataset['ready'] = 'true';
}

begin();
