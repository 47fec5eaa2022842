// Texts of others on every page (security.md T31): each of them is text that wants
// to run, in every place where a page shows what a business, an operator, a person
// or a server has written. Nothing runs, nothing is asked for, and not even the
// content policy has to stop anything. Two pages that trust their texts are the control.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { record } from '../harness/acceptance.mjs';
import { launch } from '../harness/browser.mjs';
import { hostile } from '../harness/hostile.mjs';
import { person } from '../harness/identities.mjs';
import { SESSION, STATES, withScreens } from '../harness/screens.mjs';
import { startServer } from '../harness/server.mjs';

const SEED = 31, N = process.env.E2E_ALL ? 2000 : 60;
const TEXTS = hostile(N, SEED);
let server, browser, context, ran, shown = 0, bad = 0;
const places = [];

before(async () => {
  [server, browser] = await Promise.all([startServer({ args: ['--record', 'Library, privacy@library.example'] }), launch(['--use-fake-device-for-media-stream'])]);
  context = await newContext();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A browser in which the marker of every frame and page is counted in `ran`. */
async function newContext() {
  ran = new Set();
  const c = await browser.newContext({ viewport: { width: 390, height: 844 } });
  await c.exposeBinding('forged', (_, n) => { ran.add(Number(String(n))); });
  await c.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
    /** Elements and attributes that a page has because a text was read as HTML. */
    window.alien = (of = document.body) => {
      const host = document.querySelector('[data-testid="fp-root"]')?.shadowRoot;
      return [...of.querySelectorAll('*'), ...(host && of === document.body ? host.querySelectorAll('*') : [])].filter((e) => /^(script|img|iframe|object|embed|math|animate|meta|link|form|template|noscript|source)$/i.test(e.localName) ||
        [...e.attributes].some((a) => /^on/i.test(a.name) || (/^(href|src|action|data)$/i.test(a.name) && !/^(https?:|blob:|tel:|mailto:|#|[\w./-]*$|[\w./-]+#)/i.test(a.value)))).map((e) => e.outerHTML.slice(0, 200));
    };
    /** The next turn of the page's own work. */
    window.turn = () => new Promise((ok) => { const c = new MessageChannel(); c.port1.onmessage = ok; c.port2.postMessage(0); });
  });
  return c;
}

/** One place: opens a page, lets run give every text to it, and looks at what came of it. run answers how many were seen as text. */
async function place(name, url, run, routes = {}) {
  const page = await context.newPage(), odd = [];
  ran.clear();
  page.on('dialog', (d) => { odd.push(`dialog ${d.message()}`); d.dismiss(); });
  page.on('popup', (p) => odd.push(`popup ${p.url()}`));
  page.on('pageerror', (e) => odd.push(`error ${e.message}`));
  try {
    for (const [glob, body] of Object.entries(routes)) await page.route(glob, (r) => r.fulfill({ contentType: 'application/json', body: JSON.stringify(body) }));
    await page.goto(server.url + url);
    await page.waitForLoadState('networkidle');
    page.on('request', (r) => odd.push(`request ${r.url()}`));
    page.on('framenavigated', (f) => odd.push(`navigation ${f.url()}`));
    const seen = await run(page);
    await page.waitForTimeout(250); // what loads or fails to load says so later
    const found = await page.evaluate(() => ({ violations: window.violations, alien: window.alien() }));
    bad += ran.size;
    shown += seen;
    places.push(name);
    assert.deepEqual({ ran: [...ran].map((n) => TEXTS[n]), odd, ...found }, { ran: [], odd: [], violations: [], alien: [] }, name);
    assert.ok(seen >= TEXTS.length, `${name}: ${seen} of ${TEXTS.length} texts were shown`);
  } finally {
    await page.close();
  }
}

test('every screen of the verification', () => place('screens', '/demo/', async (page) => {
  await withScreens(page);
  const states = Object.fromEntries(['consent', 'minor', 'alternative', 'guide', 'pass', 'fail'].map((s) => [s, STATES[s]]));
  return page.evaluate(async ([texts, session, states]) => {
    let seen = 0;
    for (const t of texts) {
      const notice = Object.fromEntries(Object.keys(session.notice).map((k) => [k, typeof session.notice[k] === 'string' ? t : session.notice[k]]));
      const s = { ...session, minor: 'guardian', notice_hash: t, masked_name: t, app: { name: t }, notice };
      let whole = true;
      for (const [screen, state] of Object.entries(states)) {
        window.show('zh', s, { screen, ...state, welcome: { receipt: t } }, [{ id: t, label: t }, { id: 'b', label: t }]);
        const root = document.querySelector('[data-testid="fp-root"]').shadowRoot;
        // halves of "中 · English" are shown for their language
        whole &&= root.textContent.includes(t.split(' · ')[0].trim());
        const alien = window.alien(root);
        if (alien.length) throw new Error(`${screen}: ${alien}`);
      }
      if (whole) seen++;
      await window.turn();
    }
    return seen;
  }, [TEXTS, SESSION, states]);
}));

test('the page of consents', () => place('consent', '/consent/', (page) => page.evaluate(async (texts) => {
  const at = (id) => document.querySelector(`[data-testid="${id}"]`);
  let seen = 0;
  for (const t of texts) {
    window.fetch = async () => new Response(JSON.stringify({ app_name: t, given_at: 1, withdrawn_at: 1, method: t, text: t, text_hash: t, lang: t, receipt: t, deleted: true }));
    at('con-code').value = t;
    at('con-withdraw').click();
    for (let i = 0; i < 8; i++) await window.turn();
    if (at('con-text').textContent === t && at('con-status').textContent.includes(t)) seen++;
  }
  return seen;
}, TEXTS)));

const PROPOSALS = TEXTS.map((t) => ({ id: t, action: t, app_id: t, body: { name: t, url: t }, reason: t, proposed_by: t, state: 'open' }));
test('the admin page', () => place('admin', '/admin/', (page) => page.evaluate(async (texts) => {
  const listed = [...document.querySelectorAll('#proposals pre')].filter((p, i) => p.textContent.includes(texts[i])).length;
  let seen = 0;
  for (const t of texts) {
    const one = { id: 'pr_1', action: t, app_id: t, body: t, reason: t, proposed_by: t, state: 'open' };
    window.fetch = async (url) => (String(url).endsWith('decide') ? new Response(JSON.stringify({ invite: t, message: t, code: t }), { status: seen % 2 ? 400 : 200 })
      : new Response(JSON.stringify(String(url).endsWith('session') ? { name: t, roles: [t, t], apps: [] } : { proposals: [one] })));
    document.querySelector('#proposals button').click();
    for (let i = 0; i < 12; i++) await window.turn();
    if (document.getElementById('status').textContent.includes(t)) seen++;
  }
  return Math.min(listed, seen);
}, TEXTS), { '**/v1/admin/session': { name: TEXTS[0], roles: [TEXTS[1]], apps: [] }, '**/v1/admin/proposals': { proposals: PROPOSALS } }));

test('the demo, and its page of the old interface', async () => {
  await place('demo', '/demo/', (page) => page.evaluate(async (texts) => {
    const at = (id) => document.querySelector(`[data-testid="${id}"]`);
    faceproof.wx.config = () => {};
    faceproof.wx.error = () => {};
    faceproof.wx.ready = (f) => f();
    let seen = 0;
    for (const t of texts) {
      at('demo-name').value = at('demo-id').value = t;
      window.verify = (n, i, done) => done('success', { verifyResult: t, errMsg: t });
      window.fetch = async (url) => new Response(JSON.stringify(String(url).endsWith('redeem') ? { errcode: t, errmsg: t, identify_ret: t } : {}));
      at('demo-verify').click();
      for (let i = 0; i < 10; i++) await window.turn();
      at('demo-redeem').click();
      for (let i = 0; i < 8; i++) await window.turn();
      const both = [at('demo-callback'), at('demo-redeemed')].every((e) => e.textContent.includes(JSON.stringify(t)));
      window.fetch = async () => new Response(JSON.stringify({ code: t, field: 'name', message: t }), { status: 400 });
      at('demo-verify').click();
      for (let i = 0; i < 8; i++) await window.turn();
      if (both && at('demo-verify-status').textContent.includes(t)) seen++;
    }
    return seen;
  }, TEXTS));
  await place('demo 1.0', '/demo/h5.html', (page) => page.evaluate(async (texts) => {
    const at = (id) => document.querySelector(`[data-testid="${id}"]`);
    let seen = 0;
    for (const t of texts) {
      window.verify = (c, n, i, done) => done({ err_msg: t, verify_result: t });
      window.fetch = async () => new Response(JSON.stringify({ errmsg: t }));
      at('h5-name').value = t;
      at('h5-verify').click();
      for (let i = 0; i < 10; i++) await window.turn();
      if (at('h5-answer').textContent.includes(JSON.stringify(t))) seen++;
    }
    return seen;
  }, TEXTS));
});

test('the recording page', () => {
  const texts = (t) => ({ title: t, paragraphs: TEXTS.map((x) => ({ head: x, body: x })), voice: t, adult: t, film: t });
  return place('record', '/record/', (page) => page.evaluate(async (texts) => {
    const at = (id) => document.querySelector(`[data-testid="${id}"]`);
    const listed = [...document.querySelectorAll('[data-testid="rec-consent-text"] dd')].filter((d, i) => d.textContent === texts[i]).length;
    let seen = 0;
    for (const t of texts) {
      const lang = { title: t, paragraphs: [{ head: t, body: t }], voice: t, adult: t, film: t };
      window.fetch = async (url) => (String(url).endsWith('consent') ? new Response(JSON.stringify({ version: t, zh: lang, en: lang }))
        : new Response(JSON.stringify({ code: 'invalid', field: String(url).endsWith('begin') ? 'consent.version' : t, message: t }), { status: 400 }));
      for (const id of ['rec-voice', 'rec-adult']) at(id).checked = true;
      at('rec-agree').click();
      at('rec-begin').click();
      for (let i = 0; i < 12; i++) await window.turn();
      at('rec-code-input').value = t;
      at('rec-code-continue').click();
      for (let i = 0; i < 8; i++) await window.turn();
      if (at('rec-consent-title').textContent === t && at('rec-voice-text').textContent === t && at('rec-code-status').textContent.includes(t)) seen++;
    }
    return Math.min(listed, seen);
  }, TEXTS), { '**/record/api/consent': { version: 'v', zh: texts(TEXTS[2]), en: texts(TEXTS[3]) } });
});

test('addresses and answers of the server', async () => {
  // What a program sees: no answer that a browser reads as HTML repeats the address.
  for (const [i, t] of TEXTS.entries()) {
    // Each text in one kind of path, in full in all.
    for (const path of [`/${encodeURIComponent(t)}`, `/demo/${encodeURIComponent(t)}`, `/v1/admin/proposals?app=${encodeURIComponent(t)}`].filter((_, k) => process.env.E2E_ALL || i % 3 === k)) {
      const r = await fetch(server.url + path, { headers: { 'user-agent': 'x', referer: server.url + encodeURI(t.replace(/[^\x20-\x7e]/g, '')) } });
      const type = r.headers.get('content-type') ?? '', body = await r.text();
      assert.equal(r.headers.get('x-content-type-options'), 'nosniff', path);
      assert.ok(r.headers.get('content-security-policy').startsWith("default-src 'none'"), path);
      assert.ok(!type.includes('html') || !body.includes(t), `${path}: ${type}`);
    }
  }
  // What a person sees who follows such a link.
  const page = await context.newPage();
  ran.clear();
  try {
    for (const t of TEXTS.slice(0, process.env.E2E_ALL ? 100 : 2)) {
      for (const url of [`/consent/#${encodeURIComponent(t)}`, `/admin/#invite=${encodeURIComponent(t)}`, `/demo/?${encodeURIComponent(t)}`, `/${encodeURIComponent(t)}`]) {
        await page.goto('about:blank'); // a fragment alone is no new page
        await page.goto(server.url + url);
      }
    }
    await page.waitForTimeout(250);
  } finally {
    await page.close();
  }
  bad += ran.size;
  shown += TEXTS.length;
  places.push('addresses');
  assert.deepEqual([...ran], []);
});

test('texts that the server has stored and gives back', async () => {
  const app = (await server.cli('app', 'list')).apps?.[0] ?? (await server.cli('app', 'list'))[0];
  const some = TEXTS.filter((t) => /^[\x20-\x7e]{8,150}$/.test(t) && !/%0|^\s|\s$| · /.test(t)).slice(0, process.env.E2E_ALL ? 20 : 2);
  const page = await context.newPage();
  ran.clear();
  try {
    await page.goto(`${server.url}/demo/`);
    for (const t of some) {
      await server.cli('app', 'notice', app.app_id ?? app.id, ...['place', 'processors', 'officer'].flatMap((f) => [`--${f}`, t]));
      const said = await page.evaluate(async (who) => {
        document.querySelector('[data-testid="fp-cancel"]')?.click();
        const c = await (await fetch('/demo/api/config', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ url: location.href }) })).json();
        await new Promise((ok, no) => { faceproof.wx.ready(ok); faceproof.wx.error((e) => no(new Error(e.errMsg))); faceproof.wx.config(c); });
        faceproof.wx.startFacialRecognitionVerify({ ...who, checkAliveType: 2, success() {}, fail(r) { window.refused = JSON.stringify(r); } });
        for (let i = 0; i < 100 && document.querySelector('[data-testid="fp-root"]')?.dataset.screen !== 'consent'; i++) await new Promise((r) => setTimeout(r, 50));
        return { text: document.querySelector('[data-testid="fp-root"]')?.shadowRoot.textContent ?? window.refused, alien: window.alien() };
      }, person(0));
      assert.ok(said.text.split(t).length >= 4, `${t} in ${said.text}`);
      assert.deepEqual(said.alien, []);
      await page.locator('[data-testid="fp-cancel"]').click();
    }
    assert.deepEqual(await page.evaluate(() => window.violations), []);
  } finally {
    await page.close();
  }
  bad += ran.size;
  places.push(`stored (${some.length} texts in 3 fields)`);
  assert.deepEqual([...ran], []);
});

/** How many of the texts run on a page that writes them into its HTML, and what its policy stopped. */
async function naive(headers, texts) {
  const page = await context.newPage();
  ran.clear();
  page.on('dialog', (d) => d.dismiss());
  try {
    await page.route('**/demo/e2e-naive.html', (r) => r.fulfill({ contentType: 'text/html; charset=utf-8', headers, body: '<!doctype html><main></main>' }));
    await page.goto(`${server.url}/demo/e2e-naive.html`);
    const stopped = await page.evaluate(async (texts) => {
      const places = [(t) => `<p>${t}</p>`, (t) => `<input value="${t}">`, (t) => `<img alt='${t}'>`, (t) => `<a id=a href="${t}">a</a>`, (t) => `<script>const a = "${t}"</script>`, (t) => `<title>${t}</title>`];
      let stopped = 0;
      for (let i = 0; i < texts.length; i += 10) {
        const frames = texts.slice(i, i + 10).flatMap((t) => places.map((p) => Object.assign(document.createElement('iframe'), { srcdoc: `<!doctype html><body>${p(t)}` })));
        document.querySelector('main').replaceChildren(...frames);
        await Promise.all(frames.map((f) => new Promise((ok) => { f.onload = ok; setTimeout(ok, 1000); })));
        for (const f of frames) try { f.contentDocument.getElementById('a')?.click(); } catch { /* it has gone elsewhere */ }
        await new Promise((r) => setTimeout(r, 100));
        for (const f of frames) try { stopped += f.contentWindow.violations.length; } catch { /* as above */ }
        document.querySelector('main').innerHTML = texts.slice(i, i + 10).join('');
        await new Promise((r) => setTimeout(r, 30));
      }
      return stopped + window.violations.length;
    }, texts);
    return { ran: ran.size, stopped };
  } finally {
    await page.close();
  }
}

test('a page that trusts its texts is noticed; under our policy it runs none', async () => {
  const texts = TEXTS.slice(0, process.env.E2E_ALL ? 300 : 12);
  const open = await naive({}, texts);
  const csp = (await fetch(`${server.url}/demo/`)).headers.get('content-security-policy');
  const bound = await naive({ 'content-security-policy': csp }, texts);
  const plain = `${open.ran} of ${texts.length} texts run on a page that writes them into its HTML; under the policy of our pages ${bound.ran}, and ${bound.stopped} violations are counted`;
  const noticed = open.ran >= texts.length / 3 && bound.ran === 0 && bound.stopped >= texts.length / 3;
  record({ area: 'SQLi / XSS / CSV', test: 'xss.test.mjs', seed: SEED, n: 2, failures: noticed ? 0 : 1, control: true, outcome: noticed ? 'passed' : 'failed', result: `XSS: ${plain}` });
  assert.ok(noticed, plain);
  if (process.env.E2E_ALL) record({ area: 'SQLi / XSS / CSV', test: 'xss.test.mjs', seed: SEED, n: N, failures: bad, outcome: bad === 0 && places.length === 8 ? 'passed' : 'failed',
    result: `XSS: ${N} texts of a grammar, each in ${places.length} places (${places.join(', ')}): ${bad} ran, no request, navigation, element or violation of the policy came of them; shown as text ${shown} times` });
  console.log(plain);
});
