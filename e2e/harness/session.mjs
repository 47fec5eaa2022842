// One verification as a business page would run it: the sample code of the
// interface documentation on a page of its own, the dialogs pressed as a person
// would, the sockets watched from outside.

/** The page that the wx.* sample code runs on; under /demo/ so that its demo signs for it. */
export const PAGE = '/demo/e2e-sample.html';

// The documented sample, verbatim but for where the values come from. `wx` is
// the SDK's; nothing of the test is in here.
const SAMPLE = `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>sample</title><body><h1>Sample</h1><button id="go">verify</button>
<script src="/sdk/faceproof.js"></script>
<script>
const wx = faceproof.wx
window.outcome = null
function record(kind) { return function (res) { window.outcome = { kind: kind, res: res } } }
async function setUp() {
  const r = await fetch('/demo/api/config', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ url: location.href.split('#')[0] }) })
  const c = await r.json()
  return new Promise(function (ok, no) {
    wx.config({ debug: false, appId: c.appId, timestamp: c.timestamp, nonceStr: c.nonceStr, signature: c.signature, jsApiList: c.jsApiList })
    wx.ready(ok)
    wx.error(no)
  })
}
function verify(name, idCardNumber, checkAliveType) {
  wx.checkIsSupportFacialRecognition({
    checkAliveType: checkAliveType,
    success: function (res) {
      if (res.errCode === 0 || res.errMsg === 'checkIsSupportFacialRecognition:ok') {
        wx.startFacialRecognitionVerify({
          name: name,
          idCardNumber: idCardNumber,
          checkAliveType: checkAliveType,
          success: record('success'),
          fail: record('fail'),
          complete: function () { window.completed = (window.completed || 0) + 1 }
        })
      }
    },
    fail: record('check-fail')
  })
}
function request(verifyId) {
  wx.requestFacialVerify({ verifyId: verifyId, success: record('success'), fail: record('fail'), complete: function () { window.completed = (window.completed || 0) + 1 } })
}
</script></body></html>`;

/** Opens the sample page with wx configured. */
export async function openSample(server, context) {
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (e) => page.problems.push(e.message));
  await page.route(`**${PAGE}`, (r) => r.fulfill({ contentType: 'text/html; charset=utf-8', body: SAMPLE }));
  await page.goto(server.url + PAGE);
  await page.evaluate(() => setUp());
  return page;
}

/** The first byte of a binary message of sound. */
const SOUND = 2;

/** Watches the capture sockets of a page: bytes, times, results. */
export function watchSockets(page) {
  const seen = { session: null, attempts: [], leads: 0, bytes: 0, frames: 0 };
  let now = null, prepared = 0, method = '';
  page.on('response', async (r) => {
    if (new URL(r.url()).pathname !== '/v1/sdk/sessions') return;
    const body = await r.json().catch(() => null);
    if (body?.session_id) seen.session = body.session_id;
  });
  page.on('websocket', (ws) => {
    ws.on('framesent', ({ payload }) => {
      if (typeof payload !== 'string') {
        seen.bytes += payload.length;
        if (payload[0] === SOUND) {
          if (now) now.heard = (now.heard ?? 0) + (payload.length - 16) / 2;
          else seen.early = true; // sound before anybody asked for it
          return;
        }
        const preview = (payload[3] & 1) === 1;
        if (!preview && now) { now.frames++; now.bytes += payload.length; now.lastFrame = performance.now(); }
        return;
      }
      const m = JSON.parse(payload);
      if (m.type === 'display' && m.event === 'lead') seen.leads++;
      if (m.type === 'display' && m.event === 'preroll') seen.attempts.push(now = { method, frames: 0, bytes: 0, shown: [], digits: '' });
      if (m.type === 'display' && (m.event === 'segment' || m.event === 'prompt') && now) now.shown.push(m.t);
      if (m.type === 'end' && now) { now.end = performance.now(); now.counts = { captured: m.captured, sent: m.sent, dropped: m.dropped }; }
    });
    ws.on('framereceived', ({ payload }) => {
      if (typeof payload !== 'string') return;
      const m = JSON.parse(payload);
      if (m.type === 'prepare') { prepared = performance.now(); method = m.method ?? 'flash'; }
      if (m.type === 'prompt' && now) now.digits += m.digits;
      if (m.type === 'result' && now) { now.decidedMs = performance.now() - prepared; now.outcome = m.outcome; now.hint = m.hint; now.verdictMs = performance.now() - now.lastFrame; }
      if (m.type === 'error') seen.error = m;
    });
  });
  return seen;
}

/** Which screen the SDK shows; null when its dialog is gone. */
export const screenOf = (page) => page.evaluate(() => document.querySelector('[data-testid="fp-root"]')?.getAttribute('data-screen') ?? null);

/** Waits until the SDK shows one of the screens. */
export async function waitScreen(page, screens, timeout = 30_000) {
  const list = [].concat(screens);
  try {
    await page.waitForFunction((l) => l.includes(document.querySelector('[data-testid="fp-root"]')?.getAttribute('data-screen') ?? 'none'), list, { timeout, polling: 100 });
  } catch (e) {
    const hint = await page.locator('[data-testid="fp-hint"]').textContent({ timeout: 500 }).catch(() => '');
    throw new Error(`waited for ${list}, the SDK shows ${await screenOf(page)} (${hint}): ${e.message.split('\n')[0]}`);
  }
  return screenOf(page);
}

/** Presses "continue" where a method is explained before its first attempt; nothing where it is known already. */
async function goOn(page) {
  const button = await page.waitForFunction(() => {
    const root = document.querySelector('[data-testid="fp-root"]'), screen = root?.getAttribute('data-screen') ?? 'none';
    const hit = root?.shadowRoot?.querySelector('[data-testid="fp-warning-continue"], [data-testid="fp-digits-continue"]');
    if (hit) return hit.getAttribute('data-testid');
    return ['warning', 'digits', 'retry'].includes(screen) ? null : 'none'; // the microphone is being asked for
  }, null, { polling: 50 }).then((h) => h.jsonValue());
  if (button !== 'none') await page.locator(`[data-testid="${button}"]`).click();
}

/** Consent and warning, as a person who agrees. */
export async function agree(page) {
  await waitScreen(page, 'consent');
  await page.locator('[data-testid="fp-consent-separate"]').check();
  await page.locator('[data-testid="fp-consent-transfer"]').check();
  await page.locator('[data-testid="fp-agree"]').click();
  await waitScreen(page, ['warning', 'digits']);
  await goOn(page);
}

/** From the warning on to the end; tries again as often as the SDK offers. Returns the screens seen; hints gets the advice of each retry. */
export async function carryOn(page, { retries = true, timeout = 60_000, hints = [] } = {}) {
  const seen = [];
  for (;;) {
    const s = await waitScreen(page, ['pass', 'fail', 'retry', 'trouble', 'camera_error', 'microphone_error', 'none'], timeout);
    seen.push(s);
    if (s === 'retry') hints.push(await page.locator('[data-testid="fp-root"] .main').innerText());
    if (s === 'retry' && retries) {
      await page.locator('[data-testid="fp-retry"]').click();
      await page.waitForFunction(() => document.querySelector('[data-testid="fp-root"]')?.getAttribute('data-screen') !== 'retry');
      await goOn(page); // another method is explained first
      continue;
    }
    if (s === 'pass' || s === 'fail' || s === 'trouble') await page.locator('[data-testid="fp-done"]').click();
    return seen;
  }
}

/** The callback's object, once the app's page has it: {kind, res}. */
export async function outcome(page, timeout = 15_000) {
  await page.waitForFunction(() => window.outcome !== null && (window.outcome.kind === 'check-fail' || window.completed > 0), null, { timeout });
  return page.evaluate(() => window.outcome);
}

/** A whole 1.0 session: returns the callback, the redeemed JSON and what the sockets saw. */
export async function verify(server, context, who, { alive = 2, retries = true } = {}) {
  const page = await openSample(server, context);
  const sockets = watchSockets(page);
  const t0 = performance.now();
  await page.evaluate(([n, i, a]) => verify(n, i, a), [who.name, who.idCardNumber, alive]);
  await agree(page);
  const hints = [];
  const screens = await carryOn(page, { retries, hints });
  if (['retry', 'microphone_error'].includes(screens.at(-1))) await page.locator('[data-testid="fp-cancel"]').click();
  const back = await outcome(page);
  const info = back.res.verifyResult ? await redeem(server, back.res.verifyResult) : null;
  const camera = await page.evaluate(() => window.__camera);
  const problems = page.problems;
  await page.close();
  return { back, info, screens, hints, sockets, camera, problems, seconds: (performance.now() - t0) / 1000 };
}

/** What a business backend asks, through the demo's own. */
export async function redeem(server, verifyResult) {
  const r = await fetch(`${server.url}/demo/api/redeem`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ verifyResult }),
  });
  return r.json();
}
