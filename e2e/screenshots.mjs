// Pictures for the docs, from the running demo: docs/images/*.png. Nobody's face
// gets into them: the camera's picture is covered by a drawing before each shot.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { drawnPortrait } from './camera/drawn.mjs';
import { ROOT } from './camera/portraits.mjs';
import { launch } from './harness/browser.mjs';
import { cameraContext } from './harness/camera.mjs';
import { person } from './harness/identities.mjs';
import { register } from './harness/register.mjs';
import { startServer } from './harness/server.mjs';
import { agree, carryOn, waitScreen } from './harness/session.mjs';

const OUT = path.join(ROOT, 'docs/images');
const LANG = process.env.SHOT_LANG ?? 'en';
const locale = LANG === 'zh' ? 'zh-CN' : 'en-GB';

const FACE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 400"><rect width="300" height="400" fill="#cfd8e3"/>
<path d="M40 400q10-95 110-100 100 5 110 100z" fill="#48688f"/><rect x="122" y="235" width="56" height="80" rx="24" fill="#dcae90"/>
<ellipse cx="150" cy="172" rx="82" ry="104" fill="#3b2c26"/><ellipse cx="150" cy="190" rx="68" ry="88" fill="#e6bb9d"/>
<g fill="#33261f"><circle cx="124" cy="178" r="7"/><circle cx="176" cy="178" r="7"/><rect x="108" y="156" width="32" height="5" rx="2"/><rect x="160" y="156" width="32" height="5" rx="2"/></g>
<path d="M148 186q-6 26-8 30 8 6 16 2" fill="none" stroke="#b98767" stroke-width="4"/><path d="M124 244q26 18 52 0" fill="none" stroke="#a5504b" stroke-width="6" stroke-linecap="round"/></svg>`;

/**
 * Covers every camera picture of the page, also in shadow roots, by the drawing,
 * and throws when one can still be seen. Styles go through the CSSOM: the pages'
 * content policy forbids style attributes.
 */
async function cover(page) {
  const bare = await page.evaluate((svg) => {
    const pictures = [];
    const walk = (root) => {
      for (const el of root.querySelectorAll('*')) {
        if (el.shadowRoot) walk(el.shadowRoot);
        if (el.tagName === 'VIDEO' || (el.tagName === 'CANVAS' && !el.hasAttribute('data-flash-surface'))) pictures.push(el);
      }
    };
    walk(document);
    const put = (el, style) => { for (const [k, v] of Object.entries(style)) el.style.setProperty(k, v, 'important'); };
    for (const el of pictures) {
      if (el.dataset.covered) continue;
      el.dataset.covered = '1';
      const lid = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
      lid.setAttribute('preserveAspectRatio', 'xMidYMid slice');
      const size = el.tagName === 'CANVAS' ? { width: `${el.offsetWidth}px`, height: `${el.offsetHeight}px` } : { width: '100%', height: '100%' };
      put(lid, { ...size, display: 'block', flex: 'none' });
      el.before(document.importNode(lid, true));
      put(el, { position: 'absolute', left: '0', top: '0', width: '2px', height: '2px', opacity: '0.01' });
    }
    return pictures.filter((el) => el.getBoundingClientRect().width > 4 && Number(getComputedStyle(el).opacity) > 0.05).length;
  }, FACE);
  if (bare) throw new Error(`${bare} camera pictures are not covered: no picture is taken`);
}

async function shoot(page, name) {
  await cover(page);
  const file = path.join(OUT, `${name}.png`);
  await page.screenshot({ path: file });
  console.log(path.relative(ROOT, file));
}

const id = (name) => `[data-testid="${name}"]`;
const open = async (server, page, who) => {
  await page.goto(`${server.url}/demo/`);
  await page.locator(id('demo-name')).fill(who.name);
  await page.locator(id('demo-id')).fill(who.idCardNumber);
};

mkdirSync(OUT, { recursive: true });
const server = await startServer();
const browser = await launch();
try {
  const who = person(0);
  await register(server, browser, 'a', who);
  const phone = await cameraContext(browser, 'a', { seed: 61, ambientLux: 180 }, { locale, deviceScaleFactor: 2 });
  const page = await phone.context.newPage();
  await open(server, page, who);
  await page.locator(id('demo-verify')).click();
  await waitScreen(page, 'consent');
  await shoot(page, 'consent');
  await page.locator(id('fp-consent-separate')).check();
  await page.locator(id('fp-consent-transfer')).check();
  await page.locator(id('fp-agree')).click();
  await waitScreen(page, 'warning');
  await shoot(page, 'warning');
  await page.locator(id('fp-warning-continue')).click();
  await waitScreen(page, 'flash', 30_000);
  await page.waitForTimeout(2300);
  await shoot(page, 'light');
  await page.keyboard.press('Escape'); // the shot has cost frames: once more, undisturbed
  await page.waitForFunction(() => document.querySelector('[data-testid="demo-callback"]').dataset.kind);
  await phone.context.close();

  // Nobody before the camera: the advice stays.
  const plain = drawnPortrait();
  plain.rgb.fill(128);
  const nobody = await cameraContext(browser, plain, { seed: 63 }, { locale, deviceScaleFactor: 2 });
  const guide = await nobody.context.newPage();
  await open(server, guide, who);
  await guide.locator(id('demo-verify')).click();
  await agree(guide);
  await waitScreen(guide, 'guide');
  await guide.waitForTimeout(2500);
  await shoot(guide, 'guide');
  await nobody.context.close();

  const desk = await cameraContext(browser, 'a', { seed: 62, ambientLux: 180, screen: 'laptop' }, { locale });
  const desktop = await desk.context.newPage();
  await desktop.goto(`${server.url}/demo/`);
  await shoot(desktop, 'demo');
  await open(server, desktop, who);
  await desktop.locator(id('demo-verify')).click();
  await agree(desktop);
  await carryOn(desktop);
  await desktop.waitForFunction(() => document.querySelector('[data-testid="demo-callback"]').dataset.kind);
  await desktop.locator(id('demo-redeem')).click();
  await desktop.waitForFunction(() => document.querySelector('[data-testid="demo-verdict"]').dataset.kind);
  await desktop.locator(id('demo-step3')).scrollIntoViewIfNeeded();
  await shoot(desktop, 'redeemed');
  await desk.context.close();
} finally {
  await browser.close();
  await server.stop();
}
