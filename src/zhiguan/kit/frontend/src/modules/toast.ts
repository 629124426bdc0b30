/** Short notices at the corner. From the server: header HX-Trigger: {"zg:toast": {"text": "…", "kind": "success"}}. */
import { el, icon } from '../shared/dom'

export type ToastKind = 'success' | 'info' | 'warning' | 'danger'

const icons: Record<ToastKind, string> = { success: 'circle-check', info: 'info-circle', warning: 'alert-triangle', danger: 'alert-circle' }

export interface ToastOptions {
  title?: string
  /** Milliseconds; 0 keeps it until closed. Errors stay by default, because they must be readable. */
  keep?: number
  lines?: string[]
}

export function toast(text: string, kind: ToastKind = 'info', options: ToastOptions = {}): void {
  const place = document.querySelector('[data-toasts]') ?? document.body.appendChild(el('div', { class: 'zg-toasts', 'data-toasts': true }))
  const close = (): void => box.remove()
  const box = el(
    'div',
    { class: `zg-toast zg-toast-${kind}`, role: kind === 'danger' ? 'alert' : 'status' },
    icon(icons[kind]),
    el(
      'div',
      { class: 'zg-toast-body' },
      options.title && el('strong', { text: options.title }),
      text && el('p', { text }),
      options.lines?.length ? el('ul', {}, ...options.lines.slice(0, 6).map((line) => el('li', { text: line }))) : null,
    ),
    el('button', { type: 'button', class: 'btn-close', 'aria-label': '关闭提示', onclick: close }),
  )
  place.append(box)
  while (place.childElementCount > 4) place.firstElementChild?.remove()
  const keep = options.keep ?? (kind === 'danger' ? 0 : 5000)
  if (keep) {
    let timer = window.setTimeout(close, keep)
    box.addEventListener('pointerenter', () => clearTimeout(timer))
    box.addEventListener('pointerleave', () => (timer = window.setTimeout(close, keep)))
  }
}

export function initToasts(): void {
  document.addEventListener('zg:toast', (event) => {
    const { text = '', kind = 'info', ...options } = (event as CustomEvent<{ text?: string; kind?: ToastKind } & ToastOptions>).detail ?? {}
    toast(text, kind, options)
  })
}
