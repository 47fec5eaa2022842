import assert from 'node:assert/strict';
import { test } from 'node:test';

import { en } from '../consent/text';

/** As much of an element as the page of withdrawal needs. */
class Element {
  readonly children: Element[] = [];
  readonly dataset: Record<string, string> = {};
  value = ''; lang = ''; hidden = false; textContent = '';
  press: () => unknown = () => undefined;
  setAttribute(): void {}
  append(): void {}
  replaceChildren(...c: Element[]): void { this.children.splice(0, this.children.length, ...c); }
  addEventListener(_: string, f: () => unknown): void { this.press = f; }
}

const RECEIPT = { app_name: 'A', given_at: 1, withdrawn_at: 0, method: 'ticks', text: 'what was read', text_hash: 'h', lang: 'en' };
const settled = async (): Promise<void> => { for (let i = 0; i < 20; i++) await Promise.resolve(); };

test('a mangled link leaves a page that works, and a receipt that is not found shows nobody else’s consent', async () => {
  const elements = new Map<string, Element>();
  const at = (id: string): Element => elements.get(id) ?? elements.set(id, new Element()).get(id)!;
  const asked: string[] = [];
  Object.defineProperty(globalThis, 'navigator', { value: { language: 'en' }, configurable: true });
  Object.assign(globalThis, {
    location: { hash: '#%E0%A4%A' },
    document: {
      documentElement: new Element(), title: '', createElement: () => new Element(), querySelectorAll: () => [],
      querySelector: (q: string) => at(/"(.+)"/.exec(q)![1]!),
    },
    fetch: async (_: string, r: { method: string; body: string }) => {
      asked.push(`${r.method} ${(JSON.parse(r.body) as { receipt: string }).receipt}`);
      return r.body.includes('GOOD') ? { ok: true, json: async () => RECEIPT } : { ok: false, status: 404 };
    },
  });
  await import('../consent/consent');
  assert.equal(at('con-code').value, '%E0%A4%A', 'as it came, to be put right');
  at('con-code').value = 'GOOD';
  at('con-read').press();
  await settled();
  assert.deepEqual([at('con-given').hidden, at('con-text').textContent, at('con-status').textContent], [false, 'what was read', '']);
  at('con-code').value = 'OTHER';
  at('con-read').press();
  await settled();
  assert.deepEqual([at('con-given').hidden, at('con-status').textContent], [true, en['unknown']]);
  assert.deepEqual(asked, ['POST GOOD', 'POST OTHER']);
});
