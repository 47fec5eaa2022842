// A short way to make elements. Text goes in as text nodes only: nothing that a
// server or an app says is ever parsed as HTML.

type Props = Record<string, string | number | boolean | ((e: globalThis.Event) => void) | undefined>;

/** Makes an element: functions become listeners ("click"), everything else attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, props: Props = {}, ...children: (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (typeof v === 'function') el.addEventListener(k, v);
    else if (v !== undefined && v !== false) el.setAttribute(k, v === true ? '' : String(v));
  }
  el.append(...children.filter((c): c is Node | string => c !== null));
  return el;
}

/** A link target that is safe to follow: http, https, tel or mailto; else null. */
export function safeLink(url: string): string | null {
  try {
    const u = new URL(url, location.href);
    return ['http:', 'https:', 'tel:', 'mailto:'].includes(u.protocol) ? u.href : null;
  } catch {
    return null;
  }
}
