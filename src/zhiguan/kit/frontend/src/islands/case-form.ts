/**
 * 填报: saves what is filled in while one works, shows what the server works out from it (sums, fields and materials that
 * apply), edits the tables, looks up ledger rows, people and units, and hands the form in. Without this script the fields
 * can still be filled in and handed in.
 */
import { readProblem, showProblem, type Problem } from '../modules/problem'
import { csrfToken, el, icon } from '../shared/dom'

interface Config {
  save_url: string
  lookup_url: string
  people_url: string
  table_url: string
}

interface Column {
  name: string
  label: string
  kind: string
  required: boolean
  unit: string
  choices: [string, string][]
  lookup: string
  default: unknown
  help: string
  places: number
}

type Row = Record<string, unknown>

interface TableConfig {
  name: string
  label: string
  locked: boolean
  maximum: number
  columns: Column[]
  rows: Row[]
  labels: Record<string, string>[]
  totals: string[]
  errors: Record<string, string>
}

interface Saved {
  title: string
  computed: Record<string, string>
  tables: Record<string, Record<string, string>[]>
  hidden: string[]
  required: string[]
  materials: string[]
}

interface Found {
  value: string | number
  title: string
  subtitle: string
  fills?: Row
}

const QUIET_MS = 1500

export function mount(root: HTMLElement, config: Config): void {
  const form = root as HTMLFormElement
  const said = document.querySelector<HTMLElement>('[data-saved]')
  const tables: CaseTable[] = []
  let timer = 0
  let running = false
  let again = false
  let dirty = false

  const say = (text: string): void => {
    if (said) said.textContent = text
  }

  const paint = (saved: Saved): void => {
    for (const [name, text] of Object.entries(saved.computed)) {
      const place = form.querySelector(`[data-computed="${name}"]`)
      if (place) place.textContent = text || '—'
    }
    for (const part of form.querySelectorAll<HTMLElement>('[data-part]')) {
      const name = part.dataset.part ?? ''
      part.hidden = saved.hidden.includes(name)
      part.querySelector('.form-label')?.classList.toggle('required', saved.required.includes(name))
    }
    for (const table of tables) table.computed(saved.tables[table.name] ?? [])
    const shown = [...document.querySelectorAll<HTMLElement>('[data-material]')].map((node) => node.dataset.material)
    if (saved.materials.some((code) => !shown.includes(code))) say('已保存。所需材料有变化，刷新页面后可上传。')
  }

  const save = async (): Promise<boolean> => {
    window.clearTimeout(timer)
    if (running) {
      again = true
      return true
    }
    running = true
    dirty = false
    say('正在保存…')
    for (const table of tables) table.write()
    try {
      const answer = await fetch(config.save_url, { method: 'POST', body: new FormData(form), headers: { 'X-CSRFToken': csrfToken(), Accept: 'application/json' } })
      if (answer.ok) {
        const time = new Date().toLocaleTimeString('zh-CN', { hour: '2-digit', minute: '2-digit' })
        say(`已保存 ${time}`)
        paint((await answer.json()) as Saved)
        return true
      }
      const problem: Problem = readProblem(answer.status, answer.headers.get('Content-Type') ?? '', await answer.text())
      say(`没有保存：${problem.detail ?? problem.title ?? ''}`)
      dirty = true
      return false
    } catch {
      say('网络不通，恢复后会再次保存。')
      dirty = true
      timer = window.setTimeout(() => void save(), 5000)
      return false
    } finally {
      running = false
      if (again) {
        again = false
        void save()
      }
    }
  }

  const changed = (): void => {
    dirty = true
    window.clearTimeout(timer)
    timer = window.setTimeout(() => void save(), QUIET_MS)
  }

  for (const place of form.querySelectorAll<HTMLElement>('[data-case-table]')) {
    const source = place.querySelector('script')?.textContent
    const area = place.querySelector('textarea')
    if (source && area) tables.push(new CaseTable(place, area, JSON.parse(source) as TableConfig, config, changed))
  }
  for (const input of form.querySelectorAll<HTMLInputElement>('[data-pick]')) {
    const target = document.getElementById(input.dataset.pickTarget ?? '') as HTMLInputElement | null
    if (target && !input.readOnly) {
      picker(input, source(config, input.dataset.pick ?? '', input.dataset.lookup ?? ''), (found) => {
        target.value = found ? String(found.value) : ''
        if (found?.fills) fill(form, found.fills)
        changed()
      })
    }
  }
  form.addEventListener('input', changed)
  form.addEventListener('change', changed)
  form.addEventListener('submit', () => {
    for (const table of tables) table.write()
    dirty = false
    window.clearTimeout(timer)
  })
  document.querySelector('[data-save-now]')?.addEventListener('click', () => void save())
  document.querySelector('[data-submit-case]')?.addEventListener('click', (event) => {
    event.preventDefault()
    form.requestSubmit()
  })
  window.addEventListener('beforeunload', (event) => {
    if (dirty) event.preventDefault()
  })
  // Where the faults are listed above the form the page stays there.
  if (!document.querySelector('.zg-faults')) form.querySelector<HTMLElement>('.is-invalid, .zg-field-error')?.scrollIntoView({ block: 'center' })
}

function fill(form: HTMLFormElement, values: Row): void {
  for (const [name, value] of Object.entries(values)) {
    const input = form.elements.namedItem(name)
    if (input instanceof HTMLInputElement || input instanceof HTMLSelectElement || input instanceof HTMLTextAreaElement) input.value = String(value ?? '')
  }
}

type Source = (text: string) => Promise<Found[]>

function source(config: Config, kind: string, lookup: string): Source {
  return async (text) => {
    const url = kind === 'record' ? `${config.lookup_url}?lookup=${encodeURIComponent(lookup)}&q=${encodeURIComponent(text)}` : `${config.people_url}?kind=${kind}&q=${encodeURIComponent(text)}`
    const answer = await fetch(url)
    return answer.ok ? ((await answer.json()) as { items: Found[] }).items : []
  }
}

/** A list of answers under a text field; leaving the field with another text clears the choice. */
function picker(input: HTMLInputElement, ask: Source, choose: (found: Found | null) => void): void {
  const list = el('ul', { class: 'zg-suggest', role: 'listbox', hidden: true })
  const wrap = el('span', { class: 'zg-pick' })
  input.replaceWith(wrap)
  wrap.append(input, list)
  input.setAttribute('role', 'combobox')
  input.setAttribute('aria-expanded', 'false')
  let chosen = input.value
  let timer = 0
  let number = 0
  /** In a table that scrolls the list would be cut off at its edge: there it stands over the page, where the field is. */
  const place = (): void => {
    if (!input.closest('.table-responsive')) return
    const field = input.getBoundingClientRect()
    const width = Math.min(Math.max(field.width, 352), window.innerWidth - 16)
    const below = window.innerHeight - field.bottom - 8
    const above = below < 160 && field.top > below
    Object.assign(list.style, {
      position: 'fixed', inset: 'auto', width: `${width}px`, maxHeight: `${Math.min(384, above ? field.top - 8 : below)}px`,
      left: `${Math.max(8, Math.min(field.left, window.innerWidth - width - 8))}px`,
      top: above ? 'auto' : `${field.bottom + 2}px`, bottom: above ? `${window.innerHeight - field.top + 2}px` : 'auto',
    })
  }
  const close = (): void => {
    list.hidden = true
    input.setAttribute('aria-expanded', 'false')
    window.removeEventListener('scroll', place, true)
  }
  const take = (found: Found): void => {
    chosen = found.title
    input.value = found.title
    close()
    choose(found)
  }
  const look = async (): Promise<void> => {
    const mine = ++number
    const items = await ask(input.value.trim())
    if (mine !== number) return
    list.replaceChildren(...items.map((item) => el('li', { role: 'option', onpointerdown: (event) => event.preventDefault(), onclick: () => take(item) }, el('span', { text: item.title }), el('small', { text: item.subtitle }))))
    if (!items.length) list.append(el('li', { class: 'text-secondary', text: '没有找到' }))
    list.hidden = false
    input.setAttribute('aria-expanded', 'true')
    place()
    window.addEventListener('scroll', place, true)
  }
  input.addEventListener('focus', () => void look())
  input.addEventListener('input', (event) => {
    event.stopPropagation()
    window.clearTimeout(timer)
    timer = window.setTimeout(() => void look(), 250)
  })
  input.addEventListener('keydown', (event) => {
    const options = [...list.querySelectorAll<HTMLElement>('[role=option]')]
    const at = options.findIndex((option) => option.getAttribute('aria-selected') === 'true')
    if (event.key === 'Escape') return close()
    if (event.key === 'Enter' && !list.hidden && options.length) {
      event.preventDefault()
      ;(options[at] ?? options[0])?.click()
    }
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      const next = Math.max(0, Math.min(options.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1)))
      options.forEach((option, index) => option.setAttribute('aria-selected', String(index === next)))
    }
  })
  input.addEventListener('blur', () => {
    close()
    if (!input.value.trim() && chosen) {
      chosen = ''
      choose(null)
    } else input.value = chosen
  })
}

const NUMBERS = ['integer', 'decimal', 'money']
/** A column's heading, with the unit its figures are in. */
const named = (column: Column): string => column.label + (column.unit ? `（${column.unit}）` : '')

/** One table of the form: rows that are added, filled in, taken out, pasted from a sheet or read from a workbook. */
class CaseTable {
  readonly name: string
  private rows: Row[]
  private labels: Record<string, string>[]
  private readonly body = el('tbody')
  private readonly foot = el('tfoot')

  constructor(
    place: HTMLElement,
    private readonly area: HTMLTextAreaElement,
    private readonly config: TableConfig,
    private readonly urls: Config,
    private readonly changed: () => void,
  ) {
    this.name = config.name
    this.rows = config.rows.map((row) => ({ ...row }))
    this.labels = config.labels
    if (!this.rows.length && !config.locked) this.add()
    const head = el('thead', {}, el('tr', {}, el('th', { scope: 'col', text: '序号' }), ...config.columns.map((column) => el('th', { scope: 'col', class: `${column.required ? 'required' : ''}${this.figure(column) ? ' num' : ''}`, title: column.help, text: named(column) })), config.locked ? null : el('th', { scope: 'col' }, el('span', { class: 'visually-hidden', text: '操作' }))))
    const table = el('table', { class: 'table zg-edit-table' }, head, this.body, this.foot)
    place.append(el('div', { class: 'table-responsive', tabindex: 0, role: 'region', 'aria-label': config.label }, table))
    if (!config.locked) place.append(this.tools())
    this.draw()
    this.write()
  }

  private tools(): HTMLElement {
    const file = el('input', { type: 'file', hidden: true, accept: '.xlsx,.xls,.csv,.ods', 'aria-label': `从工作簿填写${this.config.label}` })
    file.addEventListener('change', () => void this.upload(file))
    const url = `${this.urls.table_url}?table=${this.name}`
    return el(
      'div', { class: 'zg-table-tools' },
      el('button', { type: 'button', class: 'btn btn-sm', onclick: () => this.append() }, icon('plus'), '增加一行'),
      el('a', { class: 'btn btn-sm', href: url }, icon('download'), '下载模板'),
      el('button', { type: 'button', class: 'btn btn-sm', onclick: () => file.click() }, icon('upload'), 'Excel 批量填写'), file,
    )
  }

  private async upload(file: HTMLInputElement): Promise<void> {
    const chosen = file.files?.[0]
    if (!chosen) return
    const data = new FormData()
    data.append('file', chosen)
    const answer = await fetch(`${this.urls.table_url}?table=${this.name}`, { method: 'POST', body: data, headers: { 'X-CSRFToken': csrfToken(), Accept: 'application/json' } })
    file.value = ''
    if (answer.ok) {
      window.location.assign(window.location.pathname)
      return
    }
    showProblem(readProblem(answer.status, answer.headers.get('Content-Type') ?? '', await answer.text()))
  }

  private add(): void {
    const row: Row = {}
    for (const column of this.config.columns) if (column.default !== null && column.default !== undefined) row[column.name] = column.default
    this.rows.push(row)
  }

  private append(): void {
    if (this.rows.length >= this.config.maximum) return
    this.add()
    this.labels = []
    this.draw()
    this.body.lastElementChild?.querySelector<HTMLElement>('input, select')?.focus()
  }

  /** Put what the page holds into the field that is sent. */
  write(): void {
    this.area.value = JSON.stringify(this.rows)
  }

  private set(number: number, column: string, value: unknown): void {
    const row = this.rows[number]
    if (!row) return
    row[column] = value
    this.write()
    this.changed()
  }

  /** Show what the server worked out for the rows. */
  computed(values: Record<string, string>[]): void {
    values.forEach((row, number) => {
      for (const [name, text] of Object.entries(row)) {
        const cell = this.body.querySelector(`tr:nth-child(${number + 1}) [data-computed="${name}"]`)
        if (cell) cell.textContent = text || '—'
      }
    })
    this.sum()
  }

  private sum(): void {
    if (!this.config.totals.length) return
    const cells = this.config.columns.map((column) => {
      if (!this.config.totals.includes(column.name)) return el('td')
      const whole = this.rows.reduce((total, row, number) => {
        const shown = column.kind === 'computed' ? this.body.querySelector(`tr:nth-child(${number + 1}) [data-computed="${column.name}"]`)?.textContent : row[column.name]
        return total + (Number(String(shown ?? '').replace(/[^\d.-]/g, '')) || 0)
      }, 0)
      const digits = column.kind === 'money' ? 2 : 0
      return el('td', { class: 'num', 'data-label': named(column), text: whole.toLocaleString('zh-CN', { minimumFractionDigits: digits, maximumFractionDigits: 2 }) })
    })
    this.foot.replaceChildren(el('tr', {}, el('th', { scope: 'row', text: '合计' }), ...cells, this.config.locked ? null : el('td')))
  }

  private draw(): void {
    this.body.replaceChildren(...this.rows.map((row, number) => this.row(row, number)))
    this.sum()
  }

  /** Whether a column holds figures, which stand below each other by their last digits. */
  private figure(column: Column): boolean {
    return NUMBERS.includes(column.kind) || this.config.totals.includes(column.name)
  }

  private row(row: Row, number: number): HTMLElement {
    const cells = this.config.columns.map((column) => {
      const wrong = this.config.errors[`${number + 1}.${column.name}`]
      const cell = el('td', { 'data-label': named(column), class: `zg-cell-${column.kind}${this.config.locked && this.figure(column) ? ' num' : ''}${wrong ? ' zg-cell-wrong' : ''}` }, this.cell(row, number, column))
      if (wrong) cell.append(el('div', { class: 'zg-field-error', role: 'alert', text: wrong }))
      return cell
    })
    const remove = this.config.locked
      ? null
      : el('td', {}, el('button', { type: 'button', class: 'btn btn-sm btn-ghost-danger', 'aria-label': `移除第 ${number + 1} 行`, text: '移除', onclick: () => {
          this.rows.splice(number, 1)
          this.labels = []
          this.draw()
          this.write()
          this.changed()
        } }))
    return el('tr', {}, el('td', { class: 'num', 'data-label': '序号', text: String(number + 1) }), ...cells, remove)
  }

  private cell(row: Row, number: number, column: Column): HTMLElement {
    const value = row[column.name]
    const label = `第 ${number + 1} 行${column.label}`
    if (column.kind === 'computed') return el('output', { class: this.figure(column) ? 'num' : '', 'data-computed': column.name, 'aria-label': label, text: this.labels[number]?.[column.name] || (value === null || value === undefined ? '—' : String(value)) })
    if (this.config.locked) return el('span', { text: this.labels[number]?.[column.name] || String(value ?? '') })
    if (column.kind === 'choice') {
      const select = el('select', { class: 'form-select', 'aria-label': label, onchange: () => this.set(number, column.name, select.value) }, el('option', { value: '', text: '请选择' }), ...column.choices.map(([code, title]) => el('option', { value: code, selected: code === value, text: title })))
      return select
    }
    if (column.kind === 'boolean') {
      const box = el('input', { type: 'checkbox', class: 'form-check-input', 'aria-label': label, checked: Boolean(value), onchange: () => this.set(number, column.name, box.checked) })
      return box
    }
    if (['record', 'person', 'unit'].includes(column.kind)) {
      const holder = el('span')
      const input = el('input', { class: 'form-control', 'aria-label': label, value: this.labels[number]?.[column.name] ?? (typeof row[`${column.name}__text`] === 'string' ? String(row[`${column.name}__text`]) : ''), autocomplete: 'off' })
      holder.append(input)
      picker(input, source(this.urls, column.kind, column.lookup), (found) => {
        const target = this.rows[number]
        if (!target) return
        target[column.name] = found ? found.value : null
        const texts = (this.labels[number] ??= {})
        texts[column.name] = found ? found.title : ''
        if (found?.fills) {
          Object.assign(target, found.fills)
          this.draw()
        }
        this.write()
        this.changed()
      })
      return holder
    }
    const kind = column.kind === 'date' ? 'date' : column.kind === 'month' ? 'month' : 'text'
    const input = el('input', { class: `form-control${NUMBERS.includes(column.kind) ? ' num' : ''}`, type: kind, 'aria-label': label, value: value === null || value === undefined ? '' : String(value), inputmode: NUMBERS.includes(column.kind) ? 'decimal' : null, autocomplete: 'off', oninput: () => this.set(number, column.name, input.value) })
    return input
  }
}
