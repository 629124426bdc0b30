/** Light, dark or as the system says; kept in this browser and in a cookie that the server reads on the next page. */
import { memory, near } from '../shared/dom'

const system = matchMedia('(prefers-color-scheme: dark)')

export function currentTheme(): 'light' | 'dark' {
  return document.documentElement.dataset.bsTheme === 'dark' ? 'dark' : 'light'
}

function apply(choice: string): void {
  const root = document.documentElement
  const paper = root.classList.contains('zg-print-root')
  const theme = !paper && (choice === 'dark' || (choice !== 'light' && system.matches)) ? 'dark' : 'light'
  root.dataset.themeChoice = choice
  for (const button of document.querySelectorAll<HTMLElement>('[data-theme-set]')) {
    button.setAttribute('aria-pressed', String(button.dataset.themeSet === choice))
  }
  if (root.dataset.bsTheme === theme) return
  root.dataset.bsTheme = theme
  document.dispatchEvent(new CustomEvent('zg:theme', { detail: theme }))
}

export function initTheme(): void {
  apply(document.documentElement.dataset.themeChoice ?? 'auto')
  system.addEventListener('change', () => apply(document.documentElement.dataset.themeChoice ?? 'auto'))
  // Paper is always light.
  window.addEventListener('beforeprint', () => (document.documentElement.dataset.bsTheme = 'light'))
  window.addEventListener('afterprint', () => apply(document.documentElement.dataset.themeChoice ?? 'auto'))
  document.addEventListener('click', (event) => {
    const choice = near(event, '[data-theme-set]')?.dataset.themeSet
    if (!choice) return
    memory.set('zg.theme', choice)
    document.cookie = `zg_theme=${choice};path=/;max-age=31536000;samesite=lax${location.protocol === 'https:' ? ';secure' : ''}`
    apply(choice)
  })
}
