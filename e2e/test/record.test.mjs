// The recording page: consent, two strings read by a synthesiser, the operator's
// list and export, and withdrawal by the code.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createMicrophone } from '../camera/microphone.js';
import { packSpeech, speech } from '../camera/speech.mjs';
import { DEVICES, launch } from '../harness/browser.mjs';
import { startServer } from '../harness/server.mjs';

let server, browser;
before(async () => {
  [server, browser] = await Promise.all([startServer({ args: ['--record', '示例公司 privacy@example.com', '--record-strings', '2'] }), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const id = (name) => `[data-testid="${name}"]`;

/** Runs in the page: a microphone that says the digits of the plate, and a camera that sees a moving spot. */
function reader(sound, createMicrophone) {
  const microphone = createMicrophone(sound, (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0)).buffer);
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 }), x = canvas.getContext('2d');
  let n = 0;
  setInterval(() => { x.fillStyle = '#888'; x.fillRect(0, 0, 640, 480); x.fillStyle = '#fff'; x.fillRect((n++ * 9) % 600, 200, 40, 40); }, 50);
  navigator.mediaDevices.getUserMedia = async (c) => (c.audio ? microphone.open() : canvas.captureStream(20));
  let before = '';
  const look = () => {
    requestAnimationFrame(look);
    const plate = document.querySelector('[data-testid="rec-digit"]');
    const digits = (plate?.textContent ?? '').replace(/\D/g, '');
    const key = plate?.dataset.kind + digits + [...(plate?.children ?? [])].map((e) => (e.seen ??= Math.random())); // one 7 is not the next
    if (digits && key !== before) [...digits].forEach((d, i) => microphone.say(Number(d), performance.now() + 400 + 560 * i));
    before = key;
  };
  look();
}

test('a speaker consents, reads two strings, and withdraws', async () => {
  const voice = packSpeech({ noiseDb: -62, sound: 'on', seed: 5 }, await speech('mei'));
  const context = await browser.newContext({ ...DEVICES.phone, locale: 'zh-CN' });
  const problems = [];
  const out = mkdtempSync(path.join(os.tmpdir(), 'faceproof-voices-'));
  try {
    await context.addInitScript({ content: `(${reader})(${JSON.stringify(voice.sound)}, ${createMicrophone})` });
    const page = await context.newPage();
    page.on('pageerror', (e) => problems.push(e.message));
    page.on('console', (m) => { if (m.type() === 'error') problems.push(m.text()); });
    const screen = (name) => page.waitForFunction((s) => document.body.dataset.screen === s, name, { timeout: 20_000 });
    const visit = (route) => page.goto(server.url + route).then(() => page.waitForFunction(() => document.documentElement.dataset.ready));

    await visit('/record');
    await screen('consent');
    assert.match(await page.locator(id('rec-consent-text')).textContent(), /示例公司 privacy@example\.com.*365 天/);
    await page.locator(id('rec-agree')).click();
    assert.match(await page.locator(id('rec-consent-status')).textContent(), /勾选/, 'nothing is ticked beforehand');
    for (const box of ['rec-voice', 'rec-adult', 'rec-film']) await page.locator(id(box)).check();
    await page.locator(id('rec-agree')).click();
    await screen('about');
    await page.locator(id('rec-age')).selectOption('30-44');
    await page.locator(id('rec-begin')).click();
    await screen('sound');
    const code = await page.locator(id('rec-code')).textContent();
    assert.match(code, /^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$/);

    await visit('/record/'); // a reload goes on
    await screen('sound');
    assert.equal(await page.locator(id('rec-code')).textContent(), code);
    await page.locator(id('rec-open')).click();
    await screen('read');
    for (let n = 1; n <= 2; n++) {
      for (let tries = 3; ; tries--) { // a busy machine may lose sound
        await page.locator(id('rec-go')).press('Enter');
        await page.waitForFunction((n) => document.body.dataset.screen === 'done' || ['ok', 'bad'].includes(document.querySelector('[data-testid="rec-status"]').dataset.kind)
          && document.querySelector('[data-testid="rec-go"]').ariaDisabled !== 'true', n, { timeout: 40_000 });
        if (await page.locator('body').getAttribute('data-screen') === 'done' || await page.locator(id('rec-status')).getAttribute('data-kind') === 'ok') break;
        assert.ok(tries > 1, `string ${n}: ${await page.locator(id('rec-status')).textContent()}`);
      }
    }
    await screen('done');

    const { speakers } = await server.cli('recordings', 'list');
    assert.deepEqual(speakers.map((s) => [s.lang, s.strings, s.of, s.film, s.facts]), [['zh', 2, 2, true, { age: '30-44' }]]);
    assert.match(speakers[0].split, /^(train|test)$/);
    const wrote = await server.cli('recordings', 'export', path.join(out, 'voices'));
    assert.deepEqual([wrote.speakers, wrote.strings, wrote.films], [1, 2, 2]);
    const { items } = JSON.parse(readFileSync(path.join(out, 'voices/manifest.json')));
    const whole = items.filter((i) => i.labels.length === 6);
    assert.equal(whole.length, 2);
    assert.deepEqual(whole.map((i) => i.paced).sort(), [false, true]);
    for (const i of whole) {
      assert.ok(i.seconds > 3 && readFileSync(path.join(out, 'voices', i.file)).length > 96_000, JSON.stringify(i));
      assert.ok(readFileSync(path.join(out, 'voices', i.film)).length > 20_000);
    }
    console.log(`${wrote.digits} digits cut from the paced string; ${whole.map((i) => `${i.seconds} s`).join(', ')}`);

    await page.locator(id('rec-done-delete')).click();
    await screen('code');
    await page.locator(id('rec-code-delete')).click();
    assert.match(await page.locator(id('rec-code-status')).textContent(), /再按一次/);
    await page.locator(id('rec-code-delete')).click();
    await screen('end');
    const left = await server.cli('recordings', 'list');
    assert.deepEqual([left.speakers, left.withdrawn], [[], [speakers[0].speaker]]);
    assert.ok(!server.log.join('\n').includes(code.replaceAll('-', '')) && !server.log.join('\n').includes(code), 'the log does not know the code');
    assert.deepEqual(problems, [], 'no errors, no broken content policy');
  } finally {
    await context.close();
    rmSync(out, { recursive: true, force: true });
  }
});
