// axe-core on a page: what it calls serious or critical, in words.
import axe from 'axe-core';

/** The rules of WCAG 2.2 A and AA. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Serious and critical findings on the page as it is, each as "rule: element"; and how many rules were checked. */
export async function findings(page) {
  // Not a script of the page: its policy forbids what is inline.
  await page.evaluate(`${axe.source};0`);
  const r = await page.evaluate((tags) => window.axe.run(document, { runOnly: { type: 'tag', values: tags } }), TAGS);
  const serious = r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  return { checked: r.passes.length + r.violations.length, found: serious.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')} ${n.failureSummary}`)) };
}
