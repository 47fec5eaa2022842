// What the person sees and can refuse; no capture is finished here.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { drawnPortrait } from '../camera/drawn.mjs';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { person } from '../harness/identities.mjs';
import { startServer } from '../harness/server.mjs';
import { agree, openSample, outcome, screenOf, waitScreen } from '../harness/session.mjs';

const carla = person(2);
let server, browser;

before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); });
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function withSample(camera, run, options = {}) {
  const { context } = await cameraContext(browser, camera.who ?? drawnPortrait(), camera, options);
  try {
    const page = await openSample(server, context);
    await page.evaluate(([n, i]) => verify(n, i), [carla.name, carla.idCardNumber]);
    await run(page);
    assert.deepEqual(page.problems, []);
  } finally {
    await context.close();
  }
}
const asked = (page) => page.evaluate(() => window.__camera.asked);

// security.md T07: whoever is led into another's session must be able to see it.
test('the first screen names app, purpose and person, and nothing starts without a tap', async () => {
  for (const locale of ['zh-CN', 'en-GB']) {
    const { context } = await cameraContext(browser, drawnPortrait(), {}, { locale });
    try {
      const page = await openSample(server, context);
      const opened = page.waitForResponse('**/v1/sdk/sessions');
      await page.evaluate(([n, i]) => verify(n, i), [carla.name, carla.idCardNumber]);
      await waitScreen(page, 'consent');
      const { app, notice, masked_name } = await (await opened).json();
      const text = await page.locator('[data-testid="fp-root"] .main').textContent();
      const half = (both) => both.split(' · ').at(locale === 'zh-CN' ? 0 : -1);
      for (const context of [half(app.name), half(notice.purpose), masked_name]) {
        assert.ok(context.length > 1 && text.includes(context), `${locale}: ${context} in ${text}`);
      }
      assert.match(text, locale === 'zh-CN' ? /代为操作/ : /do it for them/);
      assert.ok(!text.includes(carla.name), 'the name is masked');
      await page.waitForTimeout(1000);
      assert.deepEqual([await screenOf(page), await asked(page)], ['consent', 0]);
    } finally {
      await context.close();
    }
  }
});

describe('refusing', () => {
  test('without both ticks nothing starts, and the page says what is missing', () => withSample({}, async (page) => {
    await waitScreen(page, 'consent');
    assert.equal(await page.locator('[data-testid="fp-consent-separate"]').isChecked(), false, 'not ticked beforehand');
    await page.locator('[data-testid="fp-consent-separate"]').check();
    // aria-disabled, not disabled: it can be pressed, and says why nothing happens.
    await page.locator('[data-testid="fp-agree"]').click({ force: true });
    assert.equal(await screenOf(page), 'consent');
    assert.ok((await page.locator('[data-testid="fp-root"] p[role="alert"]').textContent()).length > 5);
    await page.locator('[data-testid="fp-other"]').click();
    await waitScreen(page, 'alternative');
    await page.locator('[data-testid="fp-done"]').click();
    const { kind, res } = await outcome(page);
    assert.deepEqual([kind, res.errCode, res.errMsg], ['fail', 90100, 'startFacialRecognitionVerify:cancel']);
    assert.equal(await asked(page), 0, 'the camera was never asked for');
  }));

  test('Escape cancels while the face is guided, and the camera is let go', () => withSample({}, async (page) => {
    await agree(page);
    await waitScreen(page, 'guide');
    await page.keyboard.press('Escape');
    const { kind, res } = await outcome(page);
    assert.deepEqual([kind, res.errCode, res.verifyResult], ['fail', 90100, '']);
    assert.equal(await screenOf(page), null);
  }));
});

describe('a camera that does not start', () => {
  for (const [deny, code] of [['NotAllowedError', 90008], ['NotReadableError', 90106]]) {
    test(`${deny} → ${code}`, () => withSample({ deny }, async (page) => {
      await agree(page);
      await waitScreen(page, 'camera_error');
      assert.ok((await page.locator('[data-testid="fp-camera-error"]').textContent()).length > 10);
      await page.locator('[data-testid="fp-retry"]').click();
      await waitScreen(page, 'camera_error');
      await page.locator('[data-testid="fp-cancel"]').click();
      const { kind, res } = await outcome(page);
      assert.deepEqual([kind, res.errCode], ['fail', code], JSON.stringify(res));
      assert.ok((await asked(page)) >= 2);
    }));
  }

  test('no camera at all is told by the check, before any dialog', () => withSample({ deny: 'NotFoundError' }, async (page) => {
    const { kind, res } = await outcome(page);
    assert.deepEqual([kind, res.errCode], ['check-fail', 10001], JSON.stringify(res));
    assert.match(res.errMsg, /^checkIsSupportFacialRecognition:fail /);
    assert.equal(await asked(page), 0);
  }));
});

describe('bad input', () => {
  for (const [name, args, field] of [
    ['a wrong check digit', [carla.name, `${carla.idCardNumber.slice(0, 17)}${carla.idCardNumber.endsWith('1') ? '2' : '1'}`], /id/i],
    ['no name', ['', carla.idCardNumber], /name/i],
  ]) {
    test(`${name} is refused before any dialog`, async () => {
      const { context } = await cameraContext(browser, drawnPortrait(), {});
      try {
        const page = await openSample(server, context);
        await page.evaluate(([n, i]) => verify(n, i), args);
        const { kind, res } = await outcome(page);
        assert.equal(kind, 'fail');
        assert.equal(res.errCode, 10001, JSON.stringify(res));
        assert.match(res.errMsg, /^startFacialRecognitionVerify:fail /);
        assert.match(res.errMsg, field);
        assert.equal(await screenOf(page), null);
      } finally {
        await context.close();
      }
    });
  }
});

describe('the browser’s own fake camera', () => {
  test('a moving pattern is no face: the light never starts', async () => {
    const fake = await launch(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
    try {
      const page = await openSample(server, await fake.newContext({ locale: 'en-GB', permissions: ['camera', 'local-network-access'] }));
      await page.evaluate(([n, i]) => verify(n, i), [carla.name, carla.idCardNumber]);
      await agree(page);
      await waitScreen(page, 'guide');
      const hint = page.locator('[data-testid="fp-hint"]');
      await page.waitForTimeout(4000);
      assert.equal(await screenOf(page), 'guide');
      assert.equal(await hint.textContent(), 'Face the screen');
      await page.keyboard.press('Escape');
      assert.equal((await outcome(page)).res.errCode, 90100);
    } finally {
      await fake.close();
    }
  });
});
