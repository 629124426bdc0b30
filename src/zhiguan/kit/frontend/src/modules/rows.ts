/** Tables: open rows by click or Enter, move by j/k and arrows, tick by x, select all, bulk bar, column chooser. */
import { all, csrfToken, isTyping, memory, near, onContent } from '../shared/dom'

const ROW = 'tbody tr[data-href]'

function rowsOf(table: Element): HTMLTableRowElement[] {
  return [...table.querySelectorAll<HTMLTableRowElement>('tbody tr')].filter((row) => row.tabIndex >= -1 && row.hasAttribute('tabindex'))
}

function move(row: HTMLTableRowElement, target: HTMLTableRowElement | undefined): void {
  if (!target) return
  row.tabIndex = -1
  target.tabIndex = 0
  target.focus()
  target.scrollIntoView({ block: 'nearest' })
}

function open(row: HTMLElement, aside: boolean): void {
  const href = row.dataset.href
  if (!href) return
  if (aside) window.open(href, '_blank', 'noopener')
  else location.assign(href)
}

function refreshBulk(table: Element): void {
  const boxes = [...table.querySelectorAll<HTMLInputElement>('input[data-check]')]
  const ticked = boxes.filter((box) => box.checked)
  for (const box of boxes) box.closest('tr')?.classList.toggle('zg-ticked', box.checked)
  const head = table.querySelector<HTMLInputElement>('input[data-check-all]')
  if (head) {
    head.checked = boxes.length > 0 && ticked.length === boxes.length
    head.indeterminate = ticked.length > 0 && ticked.length < boxes.length
  }
  const bar = (table.closest('[data-list]') ?? document).querySelector<HTMLElement>('[data-bulk]')
  if (!bar) return
  bar.hidden = ticked.length === 0
  const count = bar.querySelector('[data-bulk-count]')
  if (count) count.textContent = String(ticked.length)
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const row = event.target instanceof HTMLTableRowElement ? event.target : null
  if (!row) {
    if (!isTyping(event.target) && (event.key === 'j' || event.key === 'k')) {
      const first = document.querySelector<HTMLTableRowElement>('table[data-rows] tbody tr[tabindex="0"]')
      if (first) {
        event.preventDefault()
        first.focus()
      }
    }
    return
  }
  const table = row.closest('table[data-rows]')
  if (!table) return
  const rows = rowsOf(table)
  const at = rows.indexOf(row)
  const jump: Record<string, number> = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: rows.length - 1 }
  const next = jump[event.key]
  if (next !== undefined) {
    event.preventDefault()
    move(row, rows[next])
  } else if (event.key === 'Enter') {
    event.preventDefault()
    open(row, event.shiftKey)
  } else if (event.key === 'x' || event.key === ' ') {
    const box = row.querySelector<HTMLInputElement>('input[data-check]')
    if (box) {
      event.preventDefault()
      box.click()
    }
  }
}

function chosen(key: string): string[] | null {
  const saved = memory.get(`zg.columns.${key}`)
  return saved ? (JSON.parse(saved) as string[]) : null
}

function applyColumns(key: string, columns: string[]): void {
  const shown = new Set(columns)
  for (const cell of document.querySelectorAll<HTMLElement>(`table[data-columns-for="${CSS.escape(key)}"] [data-col]`)) {
    cell.hidden = !shown.has(cell.dataset.col ?? '') && !('colFixed' in cell.dataset)
  }
  for (const box of document.querySelectorAll<HTMLInputElement>(`[data-columns="${CSS.escape(key)}"] input[type=checkbox]`)) {
    box.checked = shown.has(box.value)
  }
  for (const link of document.querySelectorAll<HTMLAnchorElement>(`a[data-with-columns="${CSS.escape(key)}"]`)) {
    const url = new URL(link.href)
    url.searchParams.set('cols', columns.join(','))
    link.href = url.toString()
  }
}

function saveColumns(menu: HTMLElement): void {
  const key = menu.dataset.columns ?? ''
  const columns = [...menu.querySelectorAll<HTMLInputElement>('input[type=checkbox]:checked')].map((box) => box.value)
  memory.set(`zg.columns.${key}`, JSON.stringify(columns))
  applyColumns(key, columns)
  menu.dispatchEvent(new CustomEvent('zg:columns', { bubbles: true, detail: { key, columns } }))
  if (menu.dataset.saveUrl) {
    void fetch(menu.dataset.saveUrl, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrfToken() },
      body: JSON.stringify({ key, columns }),
    })
  }
}

export function initRows(): void {
  onContent((root) => {
    const tables = all<HTMLTableElement>(root, 'table[data-rows]')
    const around = root.closest<HTMLTableElement>('table[data-rows]')
    for (const table of around ? [around, ...tables] : tables) {
      const rows = [...table.querySelectorAll<HTMLTableRowElement>('tbody tr[data-href], tbody tr:has(input[data-check])')]
      rows.forEach((row, index) => (row.tabIndex = index === 0 ? 0 : -1))
      refreshBulk(table)
      const key = table.dataset.columnsFor
      const columns = key ? chosen(key) : null
      if (key && columns) applyColumns(key, columns)
    }
  })
  document.addEventListener('keydown', onKey)
  const click = (event: MouseEvent): void => {
    const row = near(event, ROW)
    if (!row || near(event, 'a,button,input,label,select,textarea,summary,[data-no-open]')) return
    if (window.getSelection()?.toString()) return
    open(row, event.ctrlKey || event.metaKey || event.button === 1)
  }
  document.addEventListener('click', click)
  document.addEventListener('auxclick', (event) => event.button === 1 && click(event))
  document.addEventListener('change', (event) => {
    const head = near<HTMLInputElement>(event, 'input[data-check-all]')
    const table = near(event, 'table')
    if (head && table) for (const box of table.querySelectorAll<HTMLInputElement>('input[data-check]')) box.checked = head.checked
    if (table && near(event, 'input[data-check], input[data-check-all]')) refreshBulk(table)
    const menu = near(event, '[data-columns]')
    if (menu) saveColumns(menu)
  })
  document.addEventListener('click', (event) => {
    const reset = near(event, '[data-columns-reset]')
    const menu = reset?.closest<HTMLElement>('[data-columns]')
    if (!menu) return
    for (const box of menu.querySelectorAll<HTMLInputElement>('input[type=checkbox]')) box.checked = box.defaultChecked
    saveColumns(menu)
  })
}
