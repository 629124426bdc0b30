/** Small DOM tools that keep the modules short and free of innerHTML. */

export type Child = Node | string | null | undefined | false

/** Makes an element; `class`, `text`, `data-*`, `aria-*` and event handlers (`onclick`) are given as attributes. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | ((event: Event) => void) | null | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (key === 'text') node.textContent = String(value)
    else if (typeof value === 'function') node.addEventListener(key.slice(2), value)
    else node.setAttribute(key, value === true ? '' : String(value))
  }
  for (const child of children) if (child) node.append(child)
  return node
}

/** An icon from the sprite. */
export function icon(name: string, extra = ''): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('class', `icon ${extra}`)
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `${document.body.dataset.icons ?? ''}#${name}`)
  svg.append(use)
  return svg
}

/** The nearest ancestor (or the target itself) that matches, for delegated events. */
export function near<T extends Element = HTMLElement>(event: Event, selector: string): T | null {
  return event.target instanceof Element ? event.target.closest<T>(selector) : null
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

/** Runs for the page now and for every part that htmx adds later. */
export function onContent(run: (root: Element) => void): void {
  document.addEventListener('htmx:load', (event) => {
    const added = (event as CustomEvent<{ elt?: Element }>).detail?.elt
    if (added && added !== document.body) run(added)
  })
  run(document.body)
}

/** Elements under `root`, `root` itself included. */
export function all<T extends Element = HTMLElement>(root: Element, selector: string): T[] {
  const found = [...root.querySelectorAll<T>(selector)]
  if (root.matches(selector)) found.unshift(root as T)
  return found
}

/** Storage that never throws (private windows, blocked storage). */
export const memory = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(key)
    } catch {
      return null
    }
  },
  set(key: string, value: string): void {
    try {
      localStorage.setItem(key, value)
    } catch {
      // The choice then lasts for this page only.
    }
  },
}

export function csrfToken(): string {
  return document.querySelector<HTMLMetaElement>('meta[name=csrf-token]')?.content ?? ''
}
