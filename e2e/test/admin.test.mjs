// The page where the people who run the server enrol, log in and agree (security.md T31, T32, T36),
// with a passkey of the browser's own virtual authenticator.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { findings } from '../harness/axe.mjs';
import { launch } from '../harness/browser.mjs';
import { startServer } from '../harness/server.mjs';

let server, browser;
before(async () => { [server, browser] = await Promise.all([startServer({ demo: false }), launch()]); });
after(async () => { await browser?.close(); await server?.stop(); });

/** Somebody with a browser and an authenticator of their own, invited and enrolled. */
async function invited(link) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const ran = [];
  await page.exposeFunction('forged', () => ran.push('ran'));
  page.on('dialog', (d) => { ran.push(d.message()); d.dismiss(); });
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
  await page.goto(link);
  assert.ok(!page.url().includes('invite='), 'the invitation stays in the address');
  await page.click('#enrol');
  await page.waitForSelector('#in:not([hidden])');
  return { context, page, ran };
}

const api = (page, method, path, body) => page.evaluate(async ([method, path, body]) => {
  const r = await fetch(`/v1/admin/${path}`, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  return { status: r.status, ...(await r.json()) };
}, [method, path, body]);

test('an invitation, a passkey, two people', async () => {
  // The first start printed a link; another person is invited on the command line.
  const first = server.log.join('\n').match(/http:\S+\/admin\/#invite=\S+/)?.[0];
  assert.ok(first, `no invitation in\n${server.log.join('\n')}`);
  const second = await server.cli('admin', 'invite', '--name', '<b>Wang</b>', '--role', 'key-custodian', '--public-origin', server.url);
  const a = await invited(first), b = await invited(second.link);
  assert.equal(await b.page.textContent('#name'), '<b>Wang</b>');

  await a.page.click('#logout');
  await a.page.waitForSelector('#out:not([hidden])');
  assert.equal((await api(a.page, 'GET', 'session')).status, 401);
  await a.page.click('#login');
  await a.page.waitForSelector('#in:not([hidden])');
  const [cookie] = await a.context.cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite], ['__Host-faceproof-admin', true, true, 'Strict']);

  const made = await server.cli('app', 'create', '--name', 'Bank', '--handler', 'Bank', '--contact', 'c', '--purpose', 'p', '--necessity', 'n', '--alternative', 'a');
  const hostile = ['<script>forged()</script>', '<img src=x onerror=forged()>', '"><svg onload=forged()>', "javascript:forged()", '<iframe srcdoc="<script>parent.forged()</script>">', '</pre><script>forged()</script>', '{{forged()}}', "'-forged()-'"];
  for (const reason of hostile) {
    const p = await api(a.page, 'POST', `apps/${made.app_id}/reading`, { reading: { min_level: 'low' }, reason });
    assert.equal(p.status, 202, JSON.stringify(p));
  }
  await b.page.reload();
  await b.page.waitForSelector('#proposals button');
  assert.equal(await b.page.locator('#proposals li').count(), hostile.length);
  const { found, checked } = await findings(b.page);
  assert.ok(checked > 10);
  assert.deepEqual(found, []);
  // A session that is too old for this: the page shows the passkey again and repeats what was asked for.
  let refused = 0, again = 0;
  await b.page.route('**/decide', async (r) => (refused++ ? r.continue() : r.fulfill({ status: 403, contentType: 'application/json', body: JSON.stringify({ code: 'forbidden', field: 'step_up', message: 'again' }) })));
  b.page.on('response', (r) => { if (r.url().endsWith('/v1/admin/login/finish') && r.status() === 200) again++; });
  await b.page.click('#proposals li:first-child button');
  await b.page.waitForFunction(() => document.getElementById('status').textContent === 'done');
  assert.deepEqual([refused, again], [2, 1], 'asked for the passkey once more');
  const log = await api(a.page, 'GET', 'audit');
  assert.ok(log.entries.some((e) => e.action === 'app.reading' && e.actor.startsWith('admin:')), 'no audit row');
  assert.deepEqual([...a.ran, ...b.ran], [], 'a script of somebody else ran');

  // The same passkey does not exist for a page of another name.
  const evil = await b.context.newPage();
  await evil.goto(server.url.replace('localhost', '127.0.0.1') + '/admin/');
  await evil.click('#login');
  await evil.waitForFunction(() => document.getElementById('status').textContent !== '');
  assert.ok(await evil.isHidden('#in'));
});
