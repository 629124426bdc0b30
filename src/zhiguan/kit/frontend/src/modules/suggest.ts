/**
 * Search as you type. Two parts:
 * - Chinese input methods: `input` events of an unfinished composition never reach htmx; the finished word is announced once.
 * - data-suggest="URL": a list of answers under a text field (global search, record pickers). README.md names the payload.
 */
import { el, onContent, all } from '../shared/dom'

interface Suggestion {
  title: string
  subtitle?: string
  group?: string
  url?: string
  value?: string
}

const DELAY_MS = 250

function ime(): void {
  document.addEventListener(
    'input',
    (event) => {
      if ((event as InputEvent).isComposing) event.stopImmediatePropagation()
    },
    true,
  )
  document.addEventListener('compositionend', (event) => {
    event.target?.dispatchEvent(new Event('input', { bubbles: true }))
  })
}

function attach(input: HTMLInputElement): void {
  if (input.getAttribute('role') === 'combobox') return
  const id = `zg-suggest-${Math.random().toString(36).slice(2, 8)}`
  const list = el('ul', { class: 'zg-suggest', role: 'listbox', id, hidden: true, 'aria-label': '建议' })
  const hiddenField = input.dataset.suggestTarget ? document.querySelector<HTMLInputElement>(input.dataset.suggestTarget) : null
  input.setAttribute('role', 'combobox')
  input.setAttribute('aria-autocomplete', 'list')
  input.setAttribute('aria-controls', id)
  input.setAttribute('aria-expanded', 'false')
  input.autocomplete = 'off'
  input.parentElement?.append(list)

  let items: Suggestion[] = []
  let at = -1
  let timer = 0
  let stop: AbortController | null = null

  const show = (open: boolean): void => {
    list.hidden = !open
    input.setAttribute('aria-expanded', String(open))
    if (!open) {
      at = -1
      input.removeAttribute('aria-activedescendant')
    }
  }
  const mark = (index: number): void => {
    const options = list.querySelectorAll('[role=option]')
    options[at]?.setAttribute('aria-selected', 'false')
    at = index
    const option = options[at]
    option?.setAttribute('aria-selected', 'true')
    option?.scrollIntoView({ block: 'nearest' })
    if (option) input.setAttribute('aria-activedescendant', option.id)
    else input.removeAttribute('aria-activedescendant')
  }
  const choose = (item: Suggestion): void => {
    show(false)
    if (item.value !== undefined) {
      input.value = item.title
      if (hiddenField) {
        hiddenField.value = item.value
        hiddenField.dispatchEvent(new Event('change', { bubbles: true }))
      }
    } else if (item.url) location.assign(item.url)
  }
  const draw = (): void => {
    list.replaceChildren()
    let group: string | undefined
    items.forEach((item, index) => {
      if (item.group && item.group !== group) list.append(el('li', { class: 'zg-suggest-group', role: 'presentation', text: item.group }))
      group = item.group
      list.append(
        el(
          'li',
          {
            id: `${id}-${index}`,
            role: 'option',
            'aria-selected': 'false',
            onpointerdown: (event) => event.preventDefault(),
            onclick: () => choose(item),
          },
          el('span', { text: item.title }),
          item.subtitle && el('small', { text: item.subtitle }),
        ),
      )
    })
    if (!items.length) list.append(el('li', { class: 'zg-suggest-none', role: 'presentation', text: '没有找到匹配的内容' }))
    show(true)
  }
  const load = async (): Promise<void> => {
    const text = input.value.trim()
    stop?.abort()
    if (!text && input.dataset.suggestEmpty === undefined) return show(false)
    stop = new AbortController()
    const url = new URL(input.dataset.suggest ?? '', location.href)
    url.searchParams.set('q', text)
    try {
      const response = await fetch(url, { headers: { Accept: 'application/json' }, signal: stop.signal })
      if (!response.ok) return show(false)
      items = ((await response.json()) as { items: Suggestion[] }).items
      draw()
    } catch {
      // Aborted by the next letter, or offline: the plain search by Enter still works.
    }
  }
  input.addEventListener('input', () => {
    if (hiddenField) hiddenField.value = ''
    clearTimeout(timer)
    timer = window.setTimeout(() => void load(), DELAY_MS)
  })
  input.addEventListener('focus', () => input.dataset.suggestEmpty !== undefined && void load())
  input.addEventListener('blur', () => show(false))
  input.addEventListener('keydown', (event) => {
    if (event.isComposing || list.hidden) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      const step = event.key === 'ArrowDown' ? 1 : -1
      mark((at + step + items.length) % Math.max(items.length, 1))
    } else if (event.key === 'Enter' && items[at]) {
      event.preventDefault()
      choose(items[at])
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      show(false)
    }
  })
}

export function initSuggest(): void {
  ime()
  onContent((root) => all<HTMLInputElement>(root, 'input[data-suggest]').forEach(attach))
}
