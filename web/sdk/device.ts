// What a page can say about its device beyond the User-Agent, which hides the
// model today. The server only narrows by it: docs/compatibility.md.

/** deviceClaim of internal/wechat; version is WeChat's own. */
export interface Device {
  platform?: string;
  version?: string;
  model?: string;
}

/** Longest value that the server takes, characters. */
const LONGEST = 64;

/** How long the page waits for an answer, ms. */
const WAIT_MS = 500;

/** Asks WeChat where its object is there, else the browser. Never rejects; null: nothing is known. */
export async function deviceOf(page: { wx?: unknown; navigator?: unknown }): Promise<Device | null> {
  const asked = fromWx(page.wx).then((d) => d ?? fromHints(page.navigator)).catch(() => null);
  return Promise.race([asked, new Promise<null>((resolve) => setTimeout(() => resolve(null), WAIT_MS))]);
}

/** wx.getSystemInfo, as a Mini Program has it. */
async function fromWx(wx: unknown): Promise<Device | null> {
  const ask = member(wx, 'getSystemInfo');
  if (typeof ask !== 'function') return null;
  const info = await new Promise<unknown>((resolve) => {
    (ask as (o: object) => void).call(wx, { success: resolve, fail: () => resolve(null) });
  }).catch(() => null);
  const version = text(member(info, 'version'));
  return known({
    platform: text(member(info, 'platform')), model: text(member(info, 'model')),
    version: /^\d{1,6}(\.\d{1,6}){0,3}$/.test(version) ? version : '',
  });
}

/** navigator.userAgentData: Chromium's, in secure pages. */
async function fromHints(navigator: unknown): Promise<Device | null> {
  const data = member(navigator, 'userAgentData');
  const ask = member(data, 'getHighEntropyValues');
  if (typeof ask !== 'function') return null;
  const hints: unknown = await (ask as (names: string[]) => unknown).call(data, ['model']);
  return known({ model: text(member(hints, 'model')) });
}

function member(o: unknown, name: string): unknown {
  return (typeof o === 'object' || typeof o === 'function') && o !== null ? (o as Record<string, unknown>)[name] : undefined;
}

/** A text that the server takes, or ''. */
function text(v: unknown): string {
  return typeof v === 'string' ? v.replace(/[\u0000-\u001f\u007f-\u009f]/g, '').trim().slice(0, LONGEST).trim() : '';
}

/** The members that say something; null when none does. */
function known(d: Device): Device | null {
  const said = Object.entries(d).filter(([, v]) => v !== '');
  return said.length > 0 ? Object.fromEntries(said) as Device : null;
}
