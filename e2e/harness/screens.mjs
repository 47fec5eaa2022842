// Every screen of the SDK on a page, without a camera or a server: its own View,
// bundled for the test.
import { createRequire } from 'node:module';
import path from 'node:path';
import { ROOT } from '../camera/portraits.mjs';

const { build } = createRequire(path.join(ROOT, 'web/package.json'))('esbuild');

const ENTRY = `
import { begin } from './core/machine';
import { words } from './core/text/text';
import { View } from './sdk/view';
import { inLanguage } from './sdk/api';
let view = null;
window.show = (lang, session, change, cameras = []) => {
  view?.close();
  const canvas = document.createElement('canvas');
  canvas.setAttribute('data-flash-surface', '');
  canvas.setAttribute('aria-hidden', 'true');
  window.sent = [];
  view = new View(canvas, words(lang), lang, (e) => window.sent.push(e));
  view.render({ ...begin(), ...change }, { session: inLanguage(session, lang), server: '', cameras, cameraId: '', chooseCamera: () => undefined, mayRead: true });
};`;

let bundle = null;

/** Adds window.show(lang, session, state, cameras) to a page. */
export async function withScreens(page) {
  bundle ??= (await build({ stdin: { contents: ENTRY, resolveDir: path.join(ROOT, 'web'), loader: 'ts' }, bundle: true, write: false, format: 'iife', target: 'es2020' })).outputFiles[0].text;
  await page.evaluate(`${bundle};0`);
}

/** Each screen with what of its state it needs. */
export const STATES = {
  consent: {}, minor: {}, alternative: { back: 'consent' }, warning: {}, camera: {}, camera_error: { fault: 'denied' },
  digits: { method: 'digits' }, microphone_error: { method: 'digits', microphone: 'denied' },
  guide: { camera: true, socket: 'open', hint: 'too_dark' }, flash: { camera: true }, reading: { camera: true, method: 'digits', microphone: 'on', reading: { digits: 6, paced: true, light: true }, prompt: { type: 'prompt', attempt: 1, index: 2, digits: '7', rgb: null } },
  analysing: { camera: true }, retry: { attemptsLeft: 2, hint: 'too_bright', method: 'digits', switched: true },
  pass: { welcome: { receipt: 'ABCD-EFGH-JKMN-PQRS-TVWX-YZ01' } }, fail: { welcome: { receipt: 'ABCD-EFGH-JKMN-PQRS-TVWX-YZ01' } }, trouble: { trouble: 'trouble.network' },
};

/** A session with every field of the notice. */
export const SESSION = {
  session_id: 'a', capture_token: 'b', expires_in: 180, app: { name: '图书 · Library' }, method: 'flash', masked_name: '*三', notice_hash: '0123456789abcdef'.repeat(4),
  notice: {
    handler: '市图书馆 · City Library', contact: 'privacy@library.example', purpose: '核对读者证 · Check a reader’s card', necessity: '证会被借用 · Cards are lent', retention_days: 30,
    alternative: '到柜台办理 · At the desk', alternative_to: 'https://library.example/desk', place: '北京 · Beijing', processors: '无 · None', officer: '李某 · Ms Li', sound: true,
  },
};
