// Texts that want to run: made from a small grammar by a seed, so that nobody's
// list is copied and each is another. Text number n calls forged(n), wherever it
// runs, so that a test knows which one did.
import { random } from '../camera/random.mjs';

/** Ways out of the place that a text is put into; '' is for places that need none. */
const EXITS = ['', '"', "'", '">', "'>", '</p>', '--><p>', '</title>', '</textarea>', '</pre></code>', '</script>', ']]>', '\\"', '`', '\u2028', '\n', '</option></select>', '" ', "' ", '</dd></dl>'];

/** Calls of the marker, each another way to write it. */
const CALLS = [
  (n) => `forged(${n})`, (n) => `window['forged'](${n})`, (n) => `top.forged(${n})`, (n) => `parent.forged(${n})`, (n) => `self.forged.call(null,${n})`,
  (n) => `[${n}].map(forged)`, (n) => `(0,forged)(${n})`, (n) => `setTimeout('forged(${n})')`, (n) => `eval('for'+'ged(${n})')`, (n) => `Function('forged(${n})')()`,
  (n) => `globalThis.forged\`${n}\``, (n) => `\\u0066orged(${n})`, (n) => `forged?.(${n})`, (n) => `import('data:text/javascript,top.forged(${n})')`,
];

/** Letters as HTML writes them without writing them. */
const entity = (s, r) => [...s].map((c) => (r() < 0.5 ? c : r() < 0.5 ? `&#${c.codePointAt(0)};` : `&#x${c.codePointAt(0).toString(16)};`)).join('');
const mixed = (s, r) => [...s].map((c) => (r() < 0.5 ? c.toUpperCase() : c)).join('');

/** Things that run a call: elements, attributes, addresses, templates. */
const FORMS = [
  (c) => `<script>${c}</script>`, (c, r) => `<${mixed('script', r)}>${c}</${mixed('script', r)}>`, (c) => `<script src="data:text/javascript,${encodeURIComponent(c)}"></script>`,
  (c) => `<img src=x onerror=${c}>`, (c, r) => `<${mixed('img', r)}/src=x/${mixed('onerror', r)}="${entity(c, r)}">`, (c) => `<svg onload="${c}">`, (c) => `<svg><script>${c}</script></svg>`,
  (c) => `<svg><animate onbegin="${c}" attributeName=x dur=1s>`, (c) => `<body onload="${c}">`, (c) => `<iframe srcdoc="<script>parent.${c.startsWith('forged') ? c : `eval(${JSON.stringify(c).replaceAll('"', '&quot;')})`}</script>">`,
  (c) => `<iframe src="javascript:${c}">`, (c, r) => `<a href="${entity('javascript:', r)}${c}">press</a>`, (c) => `<details open ontoggle="${c}">`, (c) => `<input autofocus onfocus="${c}">`,
  (c) => `<video><source onerror="${c}">`, (c) => `<object data="javascript:${c}">`, (c) => `<embed src="javascript:${c}">`, (c) => `<form action="javascript:${c}"><button autofocus onfocus="${c}">`,
  (c) => `<math><mtext><style><img src=x onerror="${c}"></style></mtext></math>`, (c) => `<noscript><p title="</noscript><img src=x onerror='${c}'>">`, (c) => `<style>@import 'data:text/css,*{x:1}';</style><img src=x onerror="${c}">`,
  (c) => `<meta http-equiv="refresh" content="0;url=javascript:${c}">`, (c) => `<template><script>${c}</script></template><img src=x onerror="${c}">`, (c) => `<link rel=stylesheet href="data:,x" onload="${c}" onerror="${c}">`,
  (c) => `onerror="${c}" src=x x="`, (c) => `autofocus onfocus="${c}" tabindex=1 `, (c) => `javascript:${c}`, (c, r) => `${mixed('javascript', r)}:${c}//`, (c) => `java\tscript:${c}`, (c) => `data:text/html,<script>opener?.${c};parent.${c}</script>`,
  (c) => `;${c};//`, (c) => `-${c}-`, (c) => `{{constructor.constructor(${JSON.stringify(c)})()}}`, (c) => `\${${c}}`, (c) => `<%= ${c} %>`, (c) => `*/${c}/*`, (c) => `<!--><img src=x onerror=${c}>-->`, (c) => `<p style="animation:x" onanimationstart="${c}">`,
];

/** Characters that readers of HTML drop or bend. */
const NOISE = ['', '', '', '\u200b', '\u202e', '\u00ad', '\ufeff', '%00', '\\', '&', '<', '＜', '&lt;', '姓名 ', '张三 · Zhang '];

/** n texts that differ, each with its number. */
export function hostile(n, seed) {
  const r = random(seed).uniform, pick = (list) => list[Math.floor(r() * list.length)];
  const out = new Map();
  for (let tries = 0; out.size < n; tries++) {
    if (tries > 20 * n) throw new Error('the grammar has too few texts');
    const i = out.size;
    const text = pick(NOISE) + pick(EXITS) + pick(FORMS)(pick(CALLS)(i), r) + pick(NOISE);
    if (!out.has(text)) out.set(text, i);
  }
  return [...out.keys()];
}
