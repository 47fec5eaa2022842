// Who sees little, hears nothing, has no mouse, or must not see flashes
// (security.md §5, Accessibility): every page and screen in every state that it has,
// and every way through a verification by keyboard.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { drawnPortrait } from '../camera/drawn.mjs';
import { barriers, reach, squeezed } from '../harness/access.mjs';
import { record } from '../harness/acceptance.mjs';
import { findings } from '../harness/axe.mjs';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { person } from '../harness/identities.mjs';
import { register } from '../harness/register.mjs';
import { SESSION, STATES, withScreens } from '../harness/screens.mjs';
import { startServer } from '../harness/server.mjs';
import { openSample, outcome, screenOf, waitScreen } from '../harness/session.mjs';

const ALL = !!process.env.E2E_ALL;
const LOCALES = { zh: 'zh-CN', en: 'en-GB' };
const dora = person(3);
let server, browser;
const looked = { views: 0, axe: 0, barriers: 0, ways: [] };

before(async () => {
  [server, browser] = await Promise.all([startServer({ args: ['--digits', '--record', 'Library, privacy@library.example'] }),
    launch(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'])]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page in a language, with answers of its own, without motion. */
async function withPage(lang, url, routes, run) {
  const context = await browser.newContext({ locale: LOCALES[lang], viewport: { width: 390, height: 844 }, reducedMotion: 'reduce', permissions: ['camera', 'microphone'] });
  try {
    const page = await context.newPage();
    for (const [glob, answer] of Object.entries(routes)) await page.route(glob, (r) => r.fulfill({ contentType: 'application/json', status: answer.status ?? 200, body: JSON.stringify(answer.body ?? answer) }));
    await page.goto(server.url + url);
    await page.waitForLoadState('networkidle');
    await run(page);
  } finally {
    await context.close();
  }
}

/** Everything about one view, as a list of sentences. */
async function look(page, name) {
  const axe = (await findings(page)).found, others = await barriers(page);
  others.push(...await squeezed(page));
  looked.views++;
  looked.axe += axe.length;
  looked.barriers += others.length;
  assert.deepEqual([...axe, ...others], [], name);
}

// A screen of the verification: state, and what is done there first.
const SCREENS = { ...STATES, 'consent, nothing ticked': { screen: 'consent', press: 'fp-agree' }, 'a guardian': { screen: 'consent', minor: 'guardian' }, 'two cameras': { screen: 'guide', ...STATES.guide, cameras: true } };
describe('screens of the verification', () => {
  for (const lang of ALL ? ['zh', 'en'] : ['en']) {
    test(lang, () => withPage(lang, '/consent/', {}, async (page) => {
      for (const [name, of] of Object.entries(SCREENS).filter(([n]) => ALL || ['consent, nothing ticked', 'warning'].includes(n))) {
        const { screen = name, press, minor = '', cameras, ...state } = of;
        await page.reload();
        await page.waitForLoadState('networkidle');
        await withScreens(page);
        await page.evaluate(([l, s, st, c]) => window.show(l, s, st, c), [lang, { ...SESSION, minor }, { screen, ...state }, cameras ? [{ id: 'a', label: 'Front camera' }, { id: 'b', label: 'Other camera' }] : []]);
        if (screen === 'consent') await page.locator('[data-testid="fp-details"] summary').click();
        if (press) await page.locator(`[data-testid="${press}"]`).click({ force: true }); // aria-disabled, and says why
        await look(page, `${name}, ${lang}`);
      }
    }));
  }
});

const long = 'https://hooks.example/a/very/long/address/without/any/place/to/break/it/because/addresses/have/none';
const GIVEN = { app_name: '图书 · Library', given_at: 1.7e12, withdrawn_at: 0, method: 'ticks', text: `人脸信息处理单独同意书\n\n${long}\n`, text_hash: '0123456789abcdef'.repeat(4), lang: 'zh' };
const PROPOSALS = [1, 2, 3].map((n) => ({ id: `pr_${n}`, action: 'app.reading', app_id: 'wx0123456789abcdef', body: { url: long }, reason: '测试 · a test', proposed_by: 'ad_0123456789abcdef', state: n === 3 ? 'done' : 'open' }));
const ME = { id: 'ad_1', name: '王 · Wang', roles: ['operator', 'key-custodian'], apps: [] };
const SPEAKER = { speaker: '17', code: 'ABCD-EFGH-JKMN-PQRS', lang: 'zh', film: false, done: [], expires_at: 1.9e12, days: 365, plan: [{ n: 1, label: '123456', paced: true, preroll_ms: 1000, show_ms: [0, 900, 1800, 2700, 3600, 4500], end_ms: 6000 }] };
const click = (...ids) => async (page) => { for (const id of ids) await page.locator(/^#/.test(id) ? id : `[data-testid="${id}"]`).first().click(); };
const on = (screen) => (page) => page.waitForFunction((s) => document.body.dataset.screen === s, screen);
const said = (sel) => (page) => page.waitForFunction((s) => document.querySelector(s).textContent.trim().length > 3, sel);
const enter = [click('rec-voice', 'rec-adult', 'rec-agree', 'rec-begin')];

/** The other pages: name → address, answers, steps before one looks. */
const PAGES = {
  'consents': ['/consent/', {}, []],
  'a consent that was given': ['/consent/#ABCD-EFGH-JKMN-PQRS-TVWX-YZ01', { '**/v1/consent': GIVEN }, [click('con-read'), said('[data-testid="con-text"]')]],
  'a receipt that is none': ['/consent/#x', {}, [click('con-read'), said('[data-testid="con-status"]')]],
  'admin, logged out': ['/admin/#invite=x', {}, []],
  'admin, an error': ['/admin/', { '**/login/begin': { status: 503, body: { message: 'the identity provider does not answer' } } }, [click('#login'), said('#status')]],
  'admin, proposals': ['/admin/', { '**/v1/admin/session': ME, '**/v1/admin/proposals': { proposals: PROPOSALS } }, []],
  'admin, an invitation': ['/admin/', { '**/v1/admin/session': ME, '**/v1/admin/proposals': { proposals: PROPOSALS }, '**/decide': { state: 'done', invite: 'A'.repeat(43) } }, [click('#proposals button'), said('#status')]],
  'demo': ['/demo/', {}, []],
  'demo, an error': ['/demo/', { '**/demo/api/config': { status: 400, body: { code: 'invalid', field: 'name', message: 'must be a name' } } }, [click('demo-make', 'demo-verify'), said('[data-testid="demo-verify-status"]')]],
  'demo of the old interface': ['/demo/h5.html', { '**/demo/api/config': { appId: 'wx1' } }, [click('h5-verify'), said('[data-testid="h5-answer"]')]],
  'recording, nothing ticked': ['/record/', {}, [click('rec-agree'), said('[data-testid="rec-consent-status"]')]],
  'recording, about': ['/record/', {}, [click('rec-voice', 'rec-adult', 'rec-agree'), on('about')]],
  'recording, sound': ['/record/', { '**/record/api/begin': SPEAKER }, [...enter, on('sound')]],
  'recording, read': ['/record/', { '**/record/api/begin': SPEAKER }, [...enter, on('sound'), click('rec-open'), on('read')]],
  'recording, done': ['/record/', { '**/record/api/begin': { ...SPEAKER, done: [1] } }, [...enter, on('done')]],
  'recording, a code that is none': ['/record/', {}, [click('rec-have'), click('rec-code-continue'), said('[data-testid="rec-code-status"]')]],
  'recording, declined': ['/record/', {}, [click('rec-decline'), on('end')]],
};
describe('the other pages', () => {
  for (const lang of ALL ? ['zh', 'en'] : ['zh']) {
    for (const [name, [url, routes, steps]] of Object.entries(PAGES).filter(([n]) => ALL || ['admin, proposals', 'recording, sound'].includes(n))) {
      test(`${name}, ${lang}`, () => withPage(lang, url, routes, async (page) => {
        for (const s of steps) await s(page);
        await look(page, `${name}, ${lang}`);
      }));
    }
  }
});

test('what is wrong is found', () => withPage('en', '/consent/', {}, async (page) => {
  await page.evaluate(() => {
    const add = (tag, style, text = '', more = {}) => { const e = Object.assign(document.createElement(tag), { textContent: text, ...more }); Object.assign(e.style, style); document.querySelector('main').append(e); return e; };
    add('button', { width: '12px', minHeight: '0', height: '12px', padding: '0' }, 'x');
    add('button', { outline: 'none' }, 'no outline');
    add('button', {}, '');
    add('div', { width: '500px' }, 'a wide box');
    add('div', { height: '20px', overflow: 'hidden' }, 'cut off when it is large '.repeat(4));
    const trap = add('input', {}, '', { ariaLabel: 'a trap' });
    trap.addEventListener('keydown', (e) => { if (e.key === 'Tab') e.preventDefault(); });
    add('button', {}, 'never reached');
    add('p', {}, 'moves').animate([{ opacity: 1 }, { opacity: 0.5 }], { duration: 500, iterations: Infinity });
  });
  const found = [...await barriers(page), ...await squeezed(page)].join('\n');
  for (const sentence of ['a target under 24 by 24: button "x"', 'the focus does not show: button "no outline"', 'a screen reader says only "button"', 'Tab does not reach button "never reached"', 'moves: p "moves"', '320 px: scrolls sideways', '200 % text: text cut off']) {
    assert.ok(found.includes(sentence), `${sentence} in\n${found}`);
  }
}));

/** One way through a verification by keyboard: the screens are pressed through by steps. */
async function way(name, camera, args, run) {
  const { context } = await cameraContext(browser, camera.who ?? drawnPortrait(), camera, { reducedMotion: 'reduce' });
  try {
    const page = await openSample(server, context);
    await page.evaluate(([n, i, a]) => verify(n, i, a), [dora.name, dora.idCardNumber, ...args]);
    await waitScreen(page, 'consent');
    await run(page);
    assert.equal(await screenOf(page), null, 'the dialog is gone');
    assert.deepEqual(page.problems, []);
    looked.ways.push(name);
  } finally {
    await context.close();
  }
}
const agree = async (page) => {
  await reach(page, 'fp-consent-separate', 'Space');
  await reach(page, 'fp-consent-transfer', 'Space');
  await reach(page, 'fp-agree', 'Enter');
};
/** Attempts to the end, as many as are offered. */
async function finish(page) {
  const ends = ['pass', 'fail', 'retry', 'trouble'];
  while ((await waitScreen(page, ends, 90_000)) === 'retry') {
    await reach(page, 'fp-retry', 'Enter');
    await page.waitForFunction(() => document.querySelector('[data-testid="fp-root"]')?.getAttribute('data-screen') !== 'retry');
    if ((await screenOf(page)) === 'digits') await reach(page, 'fp-digits-continue', 'Enter');
  }
  await reach(page, 'fp-done', 'Enter');
  const { kind, res } = await outcome(page);
  assert.equal(kind, 'success', JSON.stringify(res));
}

describe('by keyboard alone', () => {
  // Nobody gets that far; and no picture has to be drawn.
  const NO_CAMERA = { deny: 'NotAllowedError' };
  const LONG = { skip: !ALL && 'with make e2e-all' };

  test('declining', () => way('decline', NO_CAMERA, [2], async (page) => {
    await reach(page, 'fp-other', 'Enter');
    await waitScreen(page, 'alternative');
    await reach(page, 'fp-done', 'Enter');
    assert.equal((await outcome(page)).res.errCode, 90100);
    assert.equal(await page.evaluate(() => window.__camera.asked), 0);
  }));

  test('there and back, and the other way after the consent', () => way('alternative', NO_CAMERA, [2], async (page) => {
    await reach(page, 'fp-other', 'Enter');
    await waitScreen(page, 'alternative');
    await reach(page, 'fp-back', 'Enter');
    await waitScreen(page, 'consent');
    await agree(page);
    await waitScreen(page, 'warning');
    await reach(page, 'fp-other', 'Space');
    await waitScreen(page, 'alternative');
    await page.keyboard.press('Escape');
    assert.equal((await outcome(page)).res.errCode, 90100);
  }));

  test('with the colours: nothing is heard', LONG, async () => {
    await register(server, browser, 'a', dora);
    await way('colours, without sound', { who: 'a', seed: 41, ambientLux: 200 }, [2], async (page) => {
      await agree(page);
      await waitScreen(page, 'warning');
      await reach(page, 'fp-warning-continue', 'Enter');
      await finish(page);
    });
  });

  test('reading digits instead: nothing flashes', LONG, async () => {
    await register(server, browser, 'a', dora).catch(() => undefined); // the test before may have
    await way('digits, without flashes', { who: 'a', mode: 'reading', seed: 61, ambientLux: 250, screen: 'phone' }, [2], async (page) => {
      await agree(page);
      await waitScreen(page, 'warning');
      await reach(page, 'fp-digits', 'Enter');
      await waitScreen(page, 'digits');
      await reach(page, 'fp-digits-continue', 'Enter');
      await finish(page);
    });
  });
});

test('the row', () => {
  const bad = looked.axe + looked.barriers;
  const ways = ALL ? 4 : 2, views = ALL ? 2 * (Object.keys(SCREENS).length + Object.keys(PAGES).length) : 4;
  if (ALL) record({ area: 'Accessibility', test: 'access.test.mjs', n: views + ways, failures: bad + (views - looked.views) + (ways - looked.ways.length), outcome: bad === 0 && looked.views === views && looked.ways.length === ways ? 'passed' : 'failed',
    result: `${looked.views} pages and screens in their states: ${looked.axe} serious findings of axe-core (WCAG 2.2 AA), ${looked.barriers} others by keyboard, names, targets, 320 px, 200 % text, spacing, motion; ${looked.ways.length} of ${ways} ways by keyboard to their end (${looked.ways.join('; ')})` });
  assert.equal(looked.views, views);
  assert.equal(looked.ways.length, ways);
});
