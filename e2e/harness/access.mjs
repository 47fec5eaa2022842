// What WCAG 2.2 AA asks of a page and axe-core does not look at, on the page as it
// is: reached and seen by keyboard, names for a screen reader, targets, narrow
// screens, large text, spacing, motion. Each finding is a sentence.

/** Installed once a page: the helpers that run in it. */
export async function withEyes(page) {
  await page.evaluate(() => {
    if (window.eyes) return;
    const dialog = () => document.querySelector('[data-testid="fp-root"]')?.shadowRoot?.querySelector('dialog[open]');
    const scope = () => dialog() ?? document.body;
    const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
    const all = () => [scope(), ...scope().querySelectorAll('*')].filter((e) => seen(e) && !e.closest('[aria-hidden=true]'));
    const what = (e) => `${e.localName}${e.id ? `#${e.id}` : ''}${e.dataset?.testid ? `[${e.dataset.testid}]` : ''} "${(e.textContent || '').trim().slice(0, 30)}"`;
    /** For a screen reader alone: one pixel, clipped away. */
    const aside = (e) => { for (let x = e; x; x = x.parentElement) if (getComputedStyle(x).clipPath !== 'none') return true; return false; };
    const controls = () => all().filter((e) => e.matches('a[href],button:not(:disabled),input:not(:disabled),select:not(:disabled),textarea,summary,[tabindex]:not([tabindex="-1"])'));
    const active = () => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e; };
    const scrolls = (e) => { for (let x = e.parentElement; x && x !== scope(); x = x.parentElement) if (/auto|scroll/.test(getComputedStyle(x).overflowX)) return true; return false; };
    window.eyes = {
      controls: () => controls().map(what),
      targets: () => controls().filter((e) => {
        const sizes = [e, e.closest('label') ?? e].map((t) => t.getBoundingClientRect());
        const inText = getComputedStyle(e).display === 'inline' && [...(e.parentElement?.childNodes ?? [])].some((n) => n.nodeType === 3 && n.data.trim());
        return !inText && sizes.every((b) => b.width < 24 || b.height < 24);
      }).map((e) => `a target under 24 by 24: ${what(e)}`),
      /** What of the text is cut off, and what reaches beyond the page's width. */
      cut: () => {
        const out = [], wide = (dialog() ?? document.documentElement);
        if (wide.scrollWidth > wide.clientWidth + 1) out.push(`scrolls sideways: ${wide.scrollWidth} of ${wide.clientWidth}`);
        for (const e of all()) {
          const s = getComputedStyle(e);
          if (aside(e) || e === scope()) continue;
          if (/hidden|clip/.test(s.overflow) && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && (e.scrollWidth > e.clientWidth + 2 || e.scrollHeight > e.clientHeight + 2)) out.push(`text cut off: ${what(e)}`);
          const b = e.getBoundingClientRect();
          if (s.position !== 'fixed' && !scrolls(e) && (b.right > innerWidth + 1 || b.left < -1) && e.childElementCount === 0) out.push(`beyond the edge: ${what(e)}`);
        }
        return [...new Set(out)];
      },
      /** Text at twice its size; undone by reload or the next screen. */
      large: () => { const list = all().map((e) => [e, parseFloat(getComputedStyle(e).fontSize)]); for (const [e, n] of list) e.style.fontSize = `${2 * n}px`; },
      spaced: () => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }');
        const root = scope().getRootNode();
        root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
        window.eyes.plain = () => { root.adoptedStyleSheets = root.adoptedStyleSheets.filter((s) => s !== sheet); };
      },
      moving: () => [document, dialog()?.getRootNode()].filter(Boolean).flatMap((r) => r.getAnimations()).filter((a) => a.playState === 'running').map((a) => `moves: ${what(a.effect.target)}`),
      /** The element with the focus, and what is wrong with how it shows. */
      focus: () => {
        const e = active();
        if (!e || e === document.body || !scope().contains(e)) return null;
        const s = getComputedStyle(e), b = e.getBoundingClientRect(), bad = [];
        if (s.outlineStyle === 'none' || (s.outlineStyle !== 'auto' && parseFloat(s.outlineWidth) < 2)) bad.push(`the focus does not show: ${what(e)}`);
        // Large ones: what of them is on the screen.
        const x = (Math.max(b.left, 0) + Math.min(b.right, innerWidth)) / 2, y = (Math.max(b.top, 0) + Math.min(b.bottom, innerHeight)) / 2;
        const root = e.getRootNode(), top = root.elementFromPoint(x, y);
        if (b.bottom <= 0 || b.top >= innerHeight || (top && top !== e && !e.contains(top) && !top.contains(e) && !e.closest('label')?.contains(top))) bad.push(`the focus is covered: ${what(e)} by ${top ? what(top) : 'nothing'}`);
        return { what: what(e), index: controls().indexOf(e), bad };
      },
      page: () => {
        const out = [];
        if (!document.documentElement.lang) out.push('no language');
        if (!document.title.trim()) out.push('no title');
        if (dialog() && !dialog().getAttribute('aria-label')) out.push('a dialog without a name');
        return out;
      },
    };
  });
}

/** Everything but axe-core, at the page's own width: names, targets, keyboard, motion. */
export async function barriers(page) {
  await withEyes(page);
  const out = await page.evaluate(() => [...window.eyes.page(), ...window.eyes.targets(), ...window.eyes.moving()]);
  out.push(...await unnamed(page), ...await byKeyboard(page));
  return out;
}

/** What a screen reader has no name for; and a page without a heading where it starts. */
async function unnamed(page) {
  const cdp = await page.context().newCDPSession(page);
  try {
    const { nodes } = await cdp.send('Accessibility.getFullAXTree');
    const spoken = nodes.filter((n) => !n.ignored);
    const out = [];
    for (const n of spoken) {
      const role = n.role?.value ?? '';
      if (/^(button|link|checkbox|radio|textbox|combobox|slider|meter|progressbar|dialog|heading|img|image)$/.test(role) && !n.name?.value?.trim() && !(role === 'heading' && !n.childIds?.length)) out.push(`a screen reader says only "${role}"`);
    }
    return out;
  } finally {
    await cdp.detach();
  }
}

/** Tab goes through every control, each shows that it has the focus, and none holds it. */
async function byKeyboard(page) {
  const want = await page.evaluate(() => window.eyes.controls());
  const met = new Set(), out = [];
  // Around once and a bit: from where the focus is, past the browser's own stops.
  for (let i = 0; i < want.length + 12 && met.size < want.length; i++) {
    await page.keyboard.press('Tab');
    const f = await page.evaluate(() => window.eyes.focus());
    if (!f) continue;
    if (f.index >= 0) met.add(f.index); // else what scrolls, which a browser lets be reached too
    out.push(...f.bad);
  }
  for (const [i, w] of want.entries()) if (!met.has(i)) out.push(`Tab does not reach ${w}`);
  return [...new Set(out)];
}

/** A narrow screen (320 px: 1280 at 400 %), text at twice its size, and the spacing of WCAG 1.4.12. Changes the page: look last. */
export async function squeezed(page) {
  await withEyes(page);
  const before = page.viewportSize(), out = [];
  const cut = async (how) => out.push(...(await page.evaluate(() => window.eyes.cut())).map((x) => `${how}: ${x}`));
  await page.setViewportSize({ width: 320, height: 640 });
  await cut('320 px');
  await page.evaluate(() => window.eyes.spaced());
  await cut('320 px, spaced');
  await page.evaluate(() => window.eyes.plain());
  await page.setViewportSize({ width: 640, height: 800 });
  await page.evaluate(() => window.eyes.large());
  await cut('200 % text');
  await page.setViewportSize(before);
  return out;
}

/** Tabs to a control by its test id and presses a key there. */
export async function reach(page, id, key) {
  for (let i = 0; i < 40; i++) {
    const here = await page.evaluate(() => {
      let el = document.activeElement;
      while (el?.shadowRoot?.activeElement) el = el.shadowRoot.activeElement;
      return el?.getAttribute('data-testid') ?? '';
    });
    if (here === id) return page.keyboard.press(key);
    await page.keyboard.press('Tab');
  }
  throw new Error(`${id} cannot be reached by Tab`);
}
