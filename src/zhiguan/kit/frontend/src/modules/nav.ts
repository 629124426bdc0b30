/** The left menu: remembers open groups, folds to a rail on desktop, slides in on phones. */
import { memory, near } from '../shared/dom'

const root = document.documentElement
const KEY = 'zg.nav.groups'

function restore(groups: HTMLDetailsElement[]): void {
  const saved = JSON.parse(memory.get(KEY) ?? '{}') as Record<string, boolean>
  for (const group of groups) {
    const code = group.dataset.navGroup ?? ''
    if (code in saved && !('active' in group.dataset)) group.open = saved[code] ?? false
    group.addEventListener('toggle', () => {
      if (root.dataset.nav === 'folded') return
      saved[code] = group.open
      memory.set(KEY, JSON.stringify(saved))
    })
  }
}

function setFolded(folded: boolean): void {
  if (folded) root.dataset.nav = 'folded'
  else delete root.dataset.nav
  memory.set('zg.nav.folded', folded ? '1' : '0')
  const button = document.querySelector<HTMLElement>('[data-nav-fold]')
  button?.setAttribute('aria-pressed', String(folded))
  button?.setAttribute('aria-label', folded ? '展开菜单' : '收起菜单')
  window.dispatchEvent(new Event('resize'))
}

function setOpen(open: boolean): void {
  root.classList.toggle('zg-nav-open', open)
  const opener = document.querySelector<HTMLElement>('[data-nav-open]')
  opener?.setAttribute('aria-expanded', String(open))
  const wrapper = document.querySelector<HTMLElement>('.page-wrapper')
  if (wrapper) wrapper.inert = open
  if (open) document.querySelector<HTMLElement>('.zg-nav-link.active, [data-nav-close]')?.focus()
  else opener?.focus()
}

export function initNav(): void {
  const nav = document.querySelector<HTMLElement>('[data-nav]')
  if (!nav) return
  restore([...nav.querySelectorAll<HTMLDetailsElement>('[data-nav-group]')])
  nav.querySelector('.zg-nav-link.active')?.scrollIntoView({ block: 'nearest' })
  if (root.dataset.nav === 'folded') setFolded(true)
  document.addEventListener('click', (event) => {
    if (near(event, '[data-nav-open]')) setOpen(true)
    else if (near(event, '[data-nav-close]')) setOpen(false)
    else if (near(event, '[data-nav-fold]')) setFolded(root.dataset.nav !== 'folded')
    const group = near(event, '[data-nav-group] > summary')?.parentElement as HTMLDetailsElement | null
    if (group && root.dataset.nav === 'folded' && matchMedia('(min-width: 992px)').matches) {
      // In the rail a click on a group means "show me this group".
      event.preventDefault()
      setFolded(false)
      group.open = true
    }
  })
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && root.classList.contains('zg-nav-open')) setOpen(false)
  })
}
