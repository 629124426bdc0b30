/** Keyboard shortcuts, and the small buttons that need no module of their own. */
import { isTyping, near } from '../shared/dom'

let leader = 0

function go(selector: string): void {
  const link = document.querySelector<HTMLAnchorElement>(selector)
  if (link) location.assign(link.href)
}

function openHelp(): void {
  document.querySelector<HTMLDialogElement>('[data-shortcuts]')?.showModal()
}

export function initKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return
    if (document.querySelector('dialog[open]')) return
    if (leader && Date.now() - leader < 1200) {
      leader = 0
      if (event.key === 'h') go('.zg-brand')
      if (event.key === 't') go('.zg-top-todo')
      return
    }
    if (event.key === 'g') leader = Date.now()
    else if (event.key === '/' || event.key === 'f') {
      const field = document.querySelector<HTMLElement>(event.key === '/' ? '[data-global-search]' : '[data-filter-search], [data-filters] input, [data-filters] select')
      if (!field) return
      event.preventDefault()
      field.focus()
    } else if (event.key === '?') openHelp()
  })
  document.addEventListener('keydown', (event) => {
    const pick = event.key === 'Escape' ? near<HTMLDetailsElement>(event, 'details[data-pick][open]') : null
    if (!pick) return
    pick.open = false
    pick.querySelector('summary')?.focus()
  })
  document.addEventListener('click', (event) => {
    if (near(event, '[data-shortcuts-open]')) openHelp()
    else if (near(event, '[data-print]')) window.print()
    else if (near(event, '[data-go-back]')) history.length > 1 ? history.back() : location.assign('/')
    const copy = near(event, '[data-copy]')
    if (copy) void navigator.clipboard?.writeText(copy.dataset.copy ?? '').then(() => copy.classList.add('zg-copied'))
    const full = near(event, '[data-fullscreen]')
    if (full) {
      const on = document.documentElement.classList.toggle('zg-wall')
      if (on) void document.documentElement.requestFullscreen?.().catch(() => undefined)
      else if (document.fullscreenElement) void document.exitFullscreen()
      window.dispatchEvent(new Event('resize'))
    }
    const inside = near(event, 'details[data-pick]')
    for (const pick of document.querySelectorAll<HTMLDetailsElement>('details[data-pick][open]')) if (pick !== inside) pick.open = false
    const dialog = event.target instanceof HTMLDialogElement ? event.target : null
    if (dialog?.matches('.zg-dialog[data-shortcuts]')) dialog.close()
  })
  document.addEventListener('fullscreenchange', () => {
    if (!document.fullscreenElement) document.documentElement.classList.remove('zg-wall')
    window.dispatchEvent(new Event('resize'))
  })
}
