// The demo, as a newcomer walks through it: register, verify, see, redeem.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { startServer } from '../harness/server.mjs';
import { agree, carryOn } from '../harness/session.mjs';

let server, browser;
before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); });
after(async () => {
  await browser?.close();
  await server?.stop();
});

const id = (name) => `[data-testid="${name}"]`;

test('register, verify, see the callback, redeem once', async () => {
  const { context } = await cameraContext(browser, 'a', { seed: 51, ambientLux: 200 });
  try {
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', (e) => problems.push(e.message));
    page.on('console', (m) => { if (m.type() === 'error') problems.push(m.text()); });
    await page.goto(server.url);
    assert.equal(new URL(page.url()).pathname, '/demo/');
    await page.locator(id('demo-name')).fill('张三');
    await page.locator(id('demo-make')).click();
    assert.match(await page.locator(id('demo-id')).inputValue(), /^990000\d{11}[\dX]$/);
    await page.locator(id('demo-register')).click();
    await page.waitForFunction(() => ['ok', 'bad'].includes(document.querySelector('[data-testid="demo-register-status"]').dataset.kind), null, { timeout: 40_000 });
    const said = await page.locator(id('demo-register-status')).textContent();
    assert.equal(await page.locator(id('demo-register-status')).getAttribute('data-kind'), 'ok', said);

    await page.locator(id('demo-verify')).click();
    await agree(page);
    const screens = await carryOn(page);
    const callback = page.locator(id('demo-callback'));
    await page.waitForFunction(() => document.querySelector('[data-testid="demo-callback"]').dataset.kind, null, { timeout: 10_000 });
    assert.match(await callback.textContent(), /startFacialRecognitionVerify:ok/, `${screens}`);

    const redeem = page.locator(id('demo-redeem'));
    await redeem.click();
    await page.waitForFunction(() => document.querySelector('[data-testid="demo-verdict"]').dataset.kind);
    const first = JSON.parse(await page.locator(id('demo-redeemed')).textContent());
    assert.deepEqual([first.errcode, first.identify_ret], [0, 0]);
    assert.equal(await page.locator(id('demo-verdict')).getAttribute('data-kind'), 'ok');
    await redeem.click();
    await page.waitForFunction(() => document.querySelector('[data-testid="demo-verdict"]').dataset.kind === 'bad');
    assert.equal(JSON.parse(await page.locator(id('demo-redeemed')).textContent()).errcode, 84001);
    assert.deepEqual(problems, [], 'no errors, no broken content policy');
  } finally {
    await context.close();
  }
});

test('both languages, and a form that says what is missing', async () => {
  const context = await browser.newContext({ locale: 'en-GB' });
  try {
    const page = await context.newPage();
    await page.goto(`${server.url}/demo/`);
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    await page.locator(id('demo-register')).click();
    const status = page.locator(id('demo-register-status'));
    assert.ok((await status.textContent()).length > 5);
    const english = await status.textContent();
    await page.locator(id('demo-lang')).click();
    assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
    assert.notEqual(await status.textContent(), english);
  } finally {
    await context.close();
  }
});
