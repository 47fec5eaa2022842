// A verification that was made for one browser is handed on as a link (security.md T07).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { drawnPortrait } from '../camera/drawn.mjs';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { person } from '../harness/identities.mjs';
import { accessToken, call, startServer } from '../harness/server.mjs';
import { outcome, screenOf, waitScreen } from '../harness/session.mjs';

const anna = person(0);
let server, browser, app;

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  const made = await server.cli('app', 'create', '--name', 'Bank', '--handler', 'Bank', '--contact', 'bank@bank.example', '--grant', 'all',
    '--purpose', 'Open an account', '--necessity', 'The law asks for it', '--alternative', 'Come to the desk', '--origin', 'https://bank.example');
  app = { id: made.app_id, secret: made.app_secret };
  app.token = await accessToken(server, app);
  app.ticket = (await call(server, `/cgi-bin/ticket/getticket?type=jsapi&access_token=${app.token}`)).ticket;
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page of the business in a browser of its own, configured. */
async function open(run) {
  const { context } = await cameraContext(browser, drawnPortrait(), {});
  try {
    const page = await context.newPage();
    await page.route('**/demo/e2e-handover.html', (r) => r.fulfill({
      contentType: 'text/html; charset=utf-8',
      body: `<!doctype html><meta charset="utf-8"><title>app</title><main id="app">app</main><script src="/sdk/faceproof.js"></script><script>
window.outcome = null; window.completed = 0
var wx = faceproof.wx
function record(kind) { return function (res) { window.outcome = { kind: kind, res: res } } }
function config(c) { return new Promise(function (ok, no) { wx.error(no); wx.ready(ok); wx.config(c) }) }
function login() { return new Promise(function (ok, no) { wx.login({ success: ok, fail: no }) }) }
function go(verifyId) { wx.requestFacialVerify({ verifyId: verifyId, success: record('success'), fail: record('fail'), complete: function () { window.completed++ } }) }
</script>`,
    }));
    await page.goto(`${server.url}/demo/e2e-handover.html`);
    const signed = `jsapi_ticket=${app.ticket}&noncestr=n0nce&timestamp=1700000000&url=${page.url()}`;
    await page.evaluate((c) => config(c), {
      appId: app.id, nonceStr: 'n0nce', timestamp: 1700000000, jsApiList: ['requestFacialVerify'], signature: createHash('sha1').update(signed).digest('hex'),
    });
    return await run(page);
  } finally {
    await context.close();
  }
}

/** The openid of the browser, as the backend learns it. */
async function openIdOf(page) {
  const { code } = await page.evaluate(() => login());
  const s = await call(server, `/sns/jscode2session?appid=${app.id}&secret=${app.secret}&js_code=${code}&grant_type=authorization_code`);
  assert.match(s.openid ?? '', /^o[A-Za-z0-9_-]{27}$/, JSON.stringify(s));
  return s.openid;
}

async function order(openid, out_seq_no) {
  const cert_info = { cert_type: 'IDENTITY_CARD', cert_name: anna.name, cert_no: anna.idCardNumber };
  const o = await call(server, `/cityservice/face/identify/getverifyid?access_token=${app.token}`, { out_seq_no, openid, cert_info });
  assert.ok(o.verify_id, JSON.stringify(o));
  return o.verify_id;
}

test('it opens in that browser, and in no other', () => open(async (attacker) => {
  const id = await order(await openIdOf(attacker), 'order-1');
  for (const loggedIn of [false, true]) {
    await open(async (victim) => {
      if (loggedIn) await openIdOf(victim);
      await victim.evaluate((v) => go(v), id);
      const { kind, res } = await outcome(victim);
      assert.deepEqual([kind, res.errCode], ['fail', 10017], JSON.stringify(res));
      await victim.evaluate(() => { window.outcome = null; window.completed = 0; go('no such id'); });
      assert.deepEqual((await outcome(victim)).res, res, 'as an unknown one');
      assert.equal(await screenOf(victim), null);
    });
  }
  await attacker.evaluate((v) => go(v), id);
  await waitScreen(attacker, 'consent');
}));

test('one for an openid of the business’s own opens anywhere', () => open(async (page) => {
  const id = await order('user-7', 'order-2');
  await page.evaluate((v) => go(v), id);
  await waitScreen(page, 'consent');
}));
