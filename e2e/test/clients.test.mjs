// Front-end code as apps have it, unchanged: the documentation's sample beside
// another wx, an H5 page of 1.0 with wx.invoke, a 2.0 page of the JS-SDK.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { cameraContext } from '../harness/camera.mjs';
import { person } from '../harness/identities.mjs';
import { register } from '../harness/register.mjs';
import { accessToken, call, startServer } from '../harness/server.mjs';
import { agree, carryOn, outcome, redeem, screenOf, waitScreen } from '../harness/session.mjs';

const anna = person(0);
let server, browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  await register(server, browser, 'a', anna);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Opens a page of the demo, or one whose scripts are given, before the test camera. */
async function withPage(camera, path, scripts, run) {
  const { context } = await cameraContext(browser, 'a', { ambientLux: 200, ...camera });
  try {
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', (e) => problems.push(e.message));
    if (scripts !== null) {
      const body = `<!doctype html><meta charset="utf-8"><title>app</title><main id="app">app</main>
<script>window.outcome = null; window.completed = 0
function record(kind) { return function (res) { window.outcome = { kind: kind, res: res } } }
function complete() { window.completed++ }
function signed(more) {
  return fetch('/demo/api/config', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ url: location.href.split('#')[0] }) })
    .then(function (r) { return r.json() }).then(function (c) { return Object.assign({}, c, more) })
}</script>${scripts}`;
      await page.route(`**${path}`, (r) => r.fulfill({ contentType: 'text/html; charset=utf-8', body }));
    }
    await page.goto(server.url + path);
    await run(page);
    assert.deepEqual(problems, [], 'no script errors');
  } finally {
    await context.close();
  }
}

test("the documentation's sample, beside another wx that stays as it was", () => withPage({ seed: 71 }, '/demo/e2e-beside.html', `
<script>
var wx = { config: function () { throw new Error('the other wx was called') }, get env() { return 'kept' } }
Object.defineProperty(wx, 'version', { value: '1.6.0', writable: false })
</script>
<script src="/sdk/faceproof.js"></script>
<script>
faceproof.install(window)
function go(name, idCardNumber) {
  return signed({ debug: false }).then(function (c) {
    faceproof.wx.config(c)
    wx.checkIsSupportFacialRecognition({
      checkAliveType: 2,
      success: function (res) {
        if (res.errCode === 0 || res.errMsg === 'checkIsSupportFacialRecognition:ok') {
          wx.startFacialRecognitionVerify({ name: name, idCardNumber: idCardNumber, checkAliveType: 2,
            success: record('success'), fail: record('fail'), complete: complete })
        }
      },
      fail: record('check-fail')
    })
  })
}
</script>`, async (page) => {
  await page.evaluate(([n, i]) => go(n, i), [anna.name, anna.idCardNumber]);
  await agree(page);
  await carryOn(page);
  const { kind, res } = await outcome(page);
  assert.deepEqual([kind, res.errMsg, res.errCode], ['success', 'startFacialRecognitionVerify:ok', 0], JSON.stringify(res));
  const info = await redeem(server, res.verifyResult);
  assert.deepEqual([info.errcode, info.identify_ret], [0, 0]);
  assert.deepEqual(await page.evaluate(() => [wx.env, wx.version, 'ready' in wx]), ['kept', '1.6.0', false]);
}));

test('an H5 page of 1.0 with wx.invoke: the demo’s own', () => withPage({ seed: 72 }, '/demo/', null, async (page) => {
  await page.locator('[data-testid="demo-name"]').fill(anna.name);
  await page.locator('[data-testid="demo-id"]').fill(anna.idCardNumber);
  await page.locator('[data-testid="demo-h5"]').click();
  await page.waitForURL('**/demo/h5.html');
  assert.equal(await page.locator('[data-testid="h5-id"]').inputValue(), anna.idCardNumber, 'the person comes along');
  await page.locator('[data-testid="h5-verify"]').click();
  await agree(page);
  await carryOn(page);
  await page.waitForFunction(() => document.querySelector('[data-testid="h5-answer"]').textContent.includes('err_code'), null, { timeout: 15_000 });
  const { res, getinfo } = JSON.parse(await page.locator('[data-testid="h5-answer"]').textContent());
  assert.deepEqual([res.err_code, res.err_msg], [0, 'requestWxFacePictureVerify:ok'], JSON.stringify(res));
  assert.match(res.verify_result, /^[A-Za-z0-9_-]{40,256}$/);
  assert.deepEqual([getinfo.errcode, getinfo.identify_ret], [0, 0]);
}));

const JWEIXIN = `
<script src="/sdk/faceproof.js"></script>
<script>
faceproof.install(window)
window.ready = signed({ jsApiList: ['checkIsSupportFaceDetect', 'requestFacialVerify', 'requestWxFacePictureVerify'] }).then(function (c) {
  return new Promise(function (ok, no) { wx.error(no); wx.ready(ok); wx.config(c) })
})
function go(verifyId) {
  wx.requestFacialVerify({ verifyId: verifyId, success: record('success'), fail: record('fail'), cancel: record('cancel'), complete: complete })
}
</script>`;

/** A 2.0 order as the business backend makes it. */
async function order() {
  const o = await call(server, '/demo/api/verifyid', anna);
  assert.ok(o.verifyId, JSON.stringify(o));
  return o.verifyId;
}

test('a 2.0 page of the JS-SDK: success, then queryverifyinfo', () => withPage({ seed: 73 }, '/demo/e2e-second.html', JWEIXIN, async (page) => {
  const id = await order();
  await page.evaluate(() => window.ready);
  await page.evaluate((v) => go(v), id);
  await agree(page);
  await carryOn(page);
  const { kind, res } = await outcome(page);
  assert.deepEqual([kind, res], ['success', { errMsg: 'requestFacialVerify:ok', errCode: 0 }]);
  const info = await call(server, '/demo/api/query', { verifyId: id });
  assert.deepEqual([info.errcode, info.verify_ret], [0, 10000]);
}));

test('a 2.0 cancel comes to cancel, with the stage at which the person left', () => withPage({ seed: 74 }, '/demo/e2e-second.html', JWEIXIN, async (page) => {
  const id = await order();
  await page.evaluate(() => window.ready);
  await page.evaluate((v) => go(v), id);
  await agree(page);
  await waitScreen(page, 'guide');
  await page.locator('[data-testid="fp-cancel"]').click();
  const { kind, res } = await outcome(page);
  assert.deepEqual([kind, res], ['cancel', { errMsg: 'requestFacialVerify:cancel', errCode: 90004 }]);
}));

test('a page that takes the element away gets "not returned", and the camera is let go', () => withPage({ seed: 75 }, '/demo/e2e-second.html', JWEIXIN, async (page) => {
  await page.evaluate(() => window.ready);
  await page.evaluate((v) => go(v), await order());
  await agree(page);
  await waitScreen(page, 'guide');
  const track = await page.evaluate(() => {
    const v = document.querySelector('[data-testid="fp-root"]').shadowRoot.querySelector('video');
    window.track = v.srcObject.getVideoTracks()[0];
    document.body.replaceChildren(document.createElement('p'));
    return window.track.readyState;
  });
  assert.equal(track, 'live');
  const { kind, res } = await outcome(page);
  assert.deepEqual([kind, res], ['fail', { errMsg: 'requestFacialVerify:fail not returned', errCode: -1 }]);
  assert.equal(await page.evaluate(() => window.track.readyState), 'ended');
  assert.equal(await screenOf(page), null);
}));

test('where the recording is kept, the person reads so before consenting', () => withPage({ seed: 76 }, '/demo/e2e-second.html', JWEIXIN, async (page) => {
  let keeps = false;
  await page.route('**/v1/sdk/sessions', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), upload_video: keeps } });
  });
  await page.evaluate(() => window.ready);
  const consent = page.locator('[data-testid="fp-root"] .main');
  const video = page.locator('[data-testid="fp-video"]');
  for (keeps of [false, true]) {
    await page.evaluate((v) => go(v), await order());
    await waitScreen(page, 'consent');
    const text = await consent.textContent();
    assert.equal(await video.count(), keeps ? 1 : 0);
    assert.equal(text.includes('立即删除原始影像'), !keeps);
    if (keeps) assert.match(await video.textContent(), /保留面部录像，最多 \d+ 天/);
    if (keeps && process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
    await page.locator('[data-testid="fp-cancel"]').click();
    await page.waitForFunction(() => window.completed > 0);
    assert.equal(await page.evaluate(() => { window.completed = 0; return window.outcome.res.errCode; }), 90002);
  }
}));

/** An app of a business that may keep the recording, and what its own server does for a page. */
async function videoApp() {
  const made = await server.cli('app', 'create', '--name', 'Video bank', '--handler', 'Bank', '--contact', 'bank@bank.example', '--grant', 'all',
    '--purpose', 'Open an account', '--necessity', 'The law asks for a recording', '--alternative', 'Come to the desk', '--origin', 'https://bank.example');
  const app = { id: made.app_id, secret: made.app_secret };
  const token = await accessToken(server, app);
  const { ticket } = await call(server, `/cgi-bin/ticket/getticket?type=jsapi&access_token=${token}`);
  const sign = (url, nonceStr = 'n0nce', timestamp = 1700000000) => ({
    appId: app.id, nonceStr, timestamp, beta: true,
    signature: createHash('sha1').update(`jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${url}`).digest('hex'),
    jsApiList: ['checkIsSupportFaceDetect', 'requestWxFacePictureVerifyUnionVideo'],
  });
  return { ...app, token, sign };
}

test('the form with video: told before, kept after a pass, fetched with getvideo', () => withPage({ seed: 77 }, '/demo/e2e-video.html', `
<script src="/sdk/faceproof.js"></script>
<script>
faceproof.install(window)
function go(config, person) {
  wx.error(record('error'))
  wx.ready(function () {
    wx.invoke('requestWxFacePictureVerifyUnionVideo', { request_verify_pre_info: JSON.stringify(person), check_alive_type: '1' },
      function (res) { record('done')(res); complete() })
  })
  wx.config(config)
}
</script>`, async (page) => {
  const app = await videoApp();
  const url = page.url();
  await page.evaluate(([c, p]) => go(c, p), [app.sign(url), { name: anna.name, id_card_number: anna.idCardNumber }]);
  await waitScreen(page, 'consent');
  assert.match(await page.locator('[data-testid="fp-video"]').textContent(), /保留面部录像，最多 30 天/);
  await agree(page);
  await carryOn(page);
  const { res } = await outcome(page);
  assert.deepEqual([res.err_code, res.err_msg], [0, 'requestWxFacePictureVerifyUnionVideo:ok'], JSON.stringify(res));
  const r = await fetch(`${server.url}/cityservice/face/identify/getvideo?access_token=${app.token}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ verify_result: res.verify_result }),
  });
  const zip = Buffer.from(await r.arrayBuffer());
  assert.equal(r.headers.get('content-type'), 'application/zip', zip.toString('utf8', 0, 200));
  assert.match(r.headers.get('content-disposition') ?? '', /filename/);
  assert.equal(zip.toString('latin1', 0, 2), 'PK');
  assert.ok(zip.includes('meta.json') && zip.includes('frames/0000.jpg'));
  // The browser's name for the same page: wx.login, then the server's half.
  await page.evaluate(() => new Promise((ok) => wx.login({ complete: (r) => { window.login = r; ok(); } })));
  const login = await page.evaluate(() => window.login);
  assert.equal(login.errMsg, 'login:ok', JSON.stringify(login));
  const session = await call(server, `/sns/jscode2session?appid=${app.id}&secret=${app.secret}&js_code=${login.code}&grant_type=authorization_code`);
  assert.match(session.openid ?? '', /^o[A-Za-z0-9_-]{27}$/, JSON.stringify(session));
}));
