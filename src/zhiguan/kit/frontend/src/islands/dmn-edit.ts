/**
 * 决策表: rules as rows, conditions and results as columns. Cells are checked by the server, which also says what is
 * doubtful about the table and decides by it as it stands here, before it is saved.
 */
import '../styles/model.css'
import { readProblem, showProblem } from '../modules/problem'
import { csrfToken, el, icon } from '../shared/dom'

interface Input {
  id: string
  label: string
  text: string
  type: string
}

interface Output {
  id: string
  name: string
  label: string
  type: string
}

interface Rule {
  id: string
  cells: string[]
  outputs: string[]
  note: string
}

interface Grid {
  id: string
  name: string
  policy: string
  aggregation: string
  inputs: Input[]
  outputs: Output[]
  rules: Rule[]
}

interface Asked {
  code: string
  name: string
  kind: string
}

interface Config {
  grids: Grid[]
  titles: Record<string, string>
  version: number
  url: string
  policies: Record<string, string>
  aggregations: Record<string, string>
  types: Record<string, string>
  inputs: Record<string, Asked[]>
  findings: string[]
}

interface Fault {
  decision: string
  rule: number | null
  column: number | null
  text: string
}

interface Tried {
  value: [string, string][]
  hits: { decision: string; rules: number[] }[]
  because: string[]
}

interface Answer {
  faults?: Fault[]
  findings?: string[]
  inputs?: Record<string, Asked[]>
  version?: number
  grids?: Grid[]
  tried?: Tried
  detail?: string
}

export function mount(root: HTMLElement, config: Config): () => void {
  const editor = new Editor(root, config)
  editor.draw()
  const leave = (event: BeforeUnloadEvent): void => {
    if (editor.dirty) event.preventDefault()
  }
  window.addEventListener('beforeunload', leave)
  return () => window.removeEventListener('beforeunload', leave)
}

class Editor {
  dirty = false
  private grids: Grid[]
  private faults: Fault[] = []
  private hits = new Map<string, number[]>()
  private tried: { decision: string; text: HTMLElement } | null = null
  private readonly given = new Map<string, string>()
  private readonly said = el('span', { class: 'zg-model-said', role: 'status' })
  private readonly found = el('section', { class: 'zg-model-found', 'aria-label': '检查结果', hidden: true })
  private readonly tables = el('div', {})

  constructor(root: HTMLElement, private readonly config: Config) {
    this.grids = config.grids
    const button = (text: string, sign: string, act: () => void, extra = ''): HTMLElement => el('button', { type: 'button', class: `btn ${extra}`, onclick: act }, icon(sign), text)
    root.append(
      el('div', { class: 'zg-model-bar', role: 'toolbar', 'aria-label': '编辑工具' }, button('检查', 'checks', () => void this.send('check')), button('保存', 'device-floppy', () => void this.send('save'), 'btn-primary'), this.said),
      this.found,
      this.tables,
    )
    this.show(config.findings)
  }

  draw(): void {
    this.tables.replaceChildren(...this.grids.map((grid) => this.table(grid)))
  }

  private changed(): void {
    this.dirty = true
    this.hits.clear()
    this.said.textContent = '有未保存的修改。'
  }

  private redraw(): void {
    this.changed()
    this.faults = []
    this.draw()
  }

  private fault(grid: Grid, rule: number | null, column: number | null): Fault | undefined {
    return this.faults.find((each) => each.decision === grid.id && each.rule === rule && each.column === column)
  }

  private cell(value: string, label: string, change: (text: string) => void, fault?: Fault, rows = 1): HTMLElement {
    const node = el('textarea', { class: `form-control form-control-sm${fault ? ' is-invalid' : ''}`, rows, 'aria-label': label, spellcheck: 'false', title: fault?.text })
    node.value = value
    node.addEventListener('input', () => {
      change(node.value)
      this.changed()
    })
    return el('div', {}, node, fault ? el('div', { class: 'zg-field-error', role: 'alert', text: fault.text }) : null)
  }

  private pick(choices: Record<string, string>, value: string, label: string, change: (code: string) => void): HTMLSelectElement {
    const node = el('select', { class: 'form-select form-select-sm', 'aria-label': label })
    for (const [code, name] of Object.entries(value in choices ? choices : { ...choices, [value]: value })) node.append(el('option', { value: code, text: name, selected: code === value }))
    node.addEventListener('change', () => change(node.value))
    return node
  }

  private small(sign: string, label: string, act: () => void, off = false): HTMLElement {
    return el('button', { type: 'button', class: 'btn btn-sm btn-icon', 'aria-label': label, title: label, disabled: off, onclick: act }, icon(sign))
  }

  private table(grid: Grid): HTMLElement {
    const hits = this.hits.get(grid.id) ?? []
    const head = el('tr', {}, el('th', { scope: 'col', class: 'zg-grid-no', text: '规则' }))
    grid.inputs.forEach((column, at) => head.append(this.inputHead(grid, column, at)))
    grid.outputs.forEach((column, at) => head.append(this.outputHead(grid, column, at)))
    head.append(el('th', { scope: 'col', class: 'zg-grid-note', text: '规则说明' }), el('th', { scope: 'col' }, el('span', { class: 'visually-hidden', text: '操作' })))
    const body = el('tbody', {}, ...grid.rules.map((rule, at) => this.rule(grid, rule, at, hits.includes(at + 1))))
    const add = (text: string, act: () => void): HTMLElement => el('button', { type: 'button', class: 'btn btn-sm', onclick: act }, icon('plus'), text)
    const policy = el('label', { class: 'zg-grid-policy' }, '命中方式', this.pick(this.config.policies, grid.policy, '命中方式', (code) => { grid.policy = code; this.redraw() }))
    const whole = this.fault(grid, null, null)
    return el('section', { class: 'card zg-block', 'aria-label': this.config.titles[grid.id] ?? grid.name, 'data-decision': grid.id },
      el('div', { class: 'card-header zg-grid-head' }, el('h2', { class: 'card-title', text: this.config.titles[grid.id] ?? grid.name }), policy,
        grid.policy === 'COLLECT' ? el('label', { class: 'zg-grid-policy' }, '汇总', this.pick(this.config.aggregations, grid.aggregation, '汇总', (code) => { grid.aggregation = code; this.redraw() })) : null),
      whole ? el('div', { class: 'zg-field-error px-3 pt-2', role: 'alert', text: whole.text }) : null,
      el('div', { class: 'table-responsive', tabindex: 0, role: 'region', 'aria-label': `${grid.name}的规则` }, el('table', { class: 'table table-sm zg-grid' }, el('thead', {}, head), body)),
      el('div', { class: 'card-body zg-grid-add' },
        add('添加规则', () => { grid.rules.push({ id: '', cells: grid.inputs.map(() => '-'), outputs: grid.outputs.map(() => ''), note: '' }); this.redraw() }),
        add('添加条件列', () => { grid.inputs.push({ id: '', label: '新条件', text: '', type: '' }); for (const rule of grid.rules) rule.cells.push('-'); this.redraw() }),
        add('添加结果列', () => { grid.outputs.push({ id: '', name: `result${grid.outputs.length + 1}`, label: '新结果', type: '' }); for (const rule of grid.rules) rule.outputs.push(''); this.redraw() }),
        el('span', { class: 'form-hint', text: '条件写“-”表示任意；文字加英文双引号，数字可写 > 5、[1..10]，多个值用逗号分开。' }),
      ),
      this.trial(grid),
    )
  }

  private inputHead(grid: Grid, column: Input, at: number): HTMLElement {
    const fault = this.fault(grid, null, at)
    const text = (value: string, label: string, change: (text: string) => void, wrong = false): HTMLInputElement => {
      const node = el('input', { class: `form-control form-control-sm${wrong ? ' is-invalid' : ''}`, value, 'aria-label': label, placeholder: label, spellcheck: 'false' })
      node.addEventListener('input', () => { change(node.value); this.changed() })
      return node
    }
    return el('th', { scope: 'col' }, el('span', { class: 'zg-grid-kind', text: '条件' }), text(column.label, '列名', (value) => { column.label = value }),
      text(column.text, '取值的名称', (value) => { column.text = value }, Boolean(fault)), fault ? el('div', { class: 'zg-field-error', text: fault.text }) : null,
      el('div', { class: 'zg-grid-tools' }, this.pick(this.config.types, column.type, '类型', (code) => { column.type = code; this.changed() }),
        this.small('trash', `去掉条件列“${column.label}”`, () => { grid.inputs.splice(at, 1); for (const rule of grid.rules) rule.cells.splice(at, 1); this.redraw() }, grid.inputs.length < 2)))
  }

  private outputHead(grid: Grid, column: Output, at: number): HTMLElement {
    const text = (value: string, label: string, change: (text: string) => void): HTMLInputElement => {
      const node = el('input', { class: 'form-control form-control-sm', value, 'aria-label': label, placeholder: label, spellcheck: 'false' })
      node.addEventListener('input', () => { change(node.value.trim()); this.changed() })
      return node
    }
    return el('th', { scope: 'col', class: 'zg-def-out' }, el('span', { class: 'zg-grid-kind', text: '结果' }), text(column.label, '列名', (value) => { column.label = value }), text(column.name, '代码', (value) => { column.name = value }),
      el('div', { class: 'zg-grid-tools' }, this.pick(this.config.types, column.type, '类型', (code) => { column.type = code; this.changed() }),
        this.small('trash', `去掉结果列“${column.label}”`, () => { grid.outputs.splice(at, 1); for (const rule of grid.rules) rule.outputs.splice(at, 1); this.redraw() }, grid.outputs.length < 2)))
  }

  private rule(grid: Grid, rule: Rule, at: number, hit: boolean): HTMLElement {
    const move = (to: number): void => {
      grid.rules.splice(at, 1)
      grid.rules.splice(to, 0, rule)
      this.redraw()
    }
    const row = el('tr', { class: hit ? 'zg-grid-hit' : '' }, el('td', { class: 'zg-grid-no' }, String(at + 1), hit ? el('span', { class: 'badge bg-green-lt', text: '命中' }) : null))
    rule.cells.forEach((cell, place) => row.append(el('td', {}, this.cell(cell, `规则 ${at + 1} ${grid.inputs[place]?.label ?? ''}`, (text) => { rule.cells[place] = text }, this.fault(grid, at, place)))))
    rule.outputs.forEach((cell, place) => row.append(el('td', { class: 'zg-def-out' }, this.cell(cell, `规则 ${at + 1} ${grid.outputs[place]?.label ?? ''}`, (text) => { rule.outputs[place] = text }, this.fault(grid, at, grid.inputs.length + place), 2))))
    row.append(
      el('td', { class: 'zg-grid-note' }, this.cell(rule.note, `规则 ${at + 1} 的规则说明`, (text) => { rule.note = text }, undefined, 2)),
      el('td', { class: 'zg-grid-acts' }, this.small('arrow-up', `规则 ${at + 1} 上移`, () => move(at - 1), at === 0), this.small('arrow-down', `规则 ${at + 1} 下移`, () => move(at + 1), at === grid.rules.length - 1),
        this.small('copy', `复制规则 ${at + 1}`, () => { grid.rules.splice(at + 1, 0, { id: '', cells: [...rule.cells], outputs: [...rule.outputs], note: rule.note }); this.redraw() }),
        this.small('trash', `删除规则 ${at + 1}`, () => { grid.rules.splice(at, 1); this.redraw() })),
    )
    return row
  }

  /** 试算: values for what the decision asks, the result and the rules that hit. */
  private trial(grid: Grid): HTMLElement {
    const box = el('div', { class: 'zg-grid-try' })
    for (const asked of this.config.inputs[grid.id] ?? []) {
      const label = asked.name || asked.code
      let node: HTMLInputElement | HTMLSelectElement
      if (asked.kind === 'boolean') node = this.pick({ false: '否', true: '是' }, this.given.get(asked.code) ?? 'false', label, () => undefined)
      else node = el('input', { class: 'form-control form-control-sm', value: this.given.get(asked.code) ?? '', inputmode: asked.kind === 'number' ? 'decimal' : null, placeholder: { number: '数字', text: '文字', feel: 'FEEL，例如 "文字" 或 3' }[asked.kind] ?? '' })
      if (!this.given.has(asked.code)) this.given.set(asked.code, node.value)
      node.addEventListener('input', () => this.given.set(asked.code, node.value))
      box.append(el('label', { class: 'zg-grid-given' }, el('span', { text: label, title: asked.code }), node))
    }
    const result = el('div', { class: 'zg-grid-result', role: 'status' })
    if (this.tried?.decision === grid.id) result.replaceChildren(...this.tried.text.childNodes)
    box.append(el('button', { type: 'button', class: 'btn', onclick: () => void this.send('try', grid) }, icon('player-play'), '试算'))
    return el('div', { class: 'card-footer' }, el('h3', { class: 'h4', text: '试算' }), box, result)
  }

  private show(findings: string[]): void {
    const count = this.faults.length
    this.found.hidden = !count && !findings.length
    this.found.replaceChildren(el('ul', {},
      count ? el('li', {}, el('span', { class: 'badge bg-red-lt me-2', text: '问题' }), `${count} 个单元格写法有误，已在表中标出。`) : null,
      ...findings.map((each) => el('li', {}, el('span', { class: 'badge bg-yellow-lt me-2', text: '提醒' }), each))))
  }

  private async send(act: 'check' | 'save' | 'try', grid?: Grid): Promise<void> {
    const body = new FormData()
    const given = { decision: grid?.id ?? '', values: Object.fromEntries(this.given) }
    for (const [name, value] of Object.entries({ act, grids: JSON.stringify(this.grids), version: String(this.config.version), given: JSON.stringify(given) })) body.append(name, value)
    this.said.textContent = { check: '正在检查…', save: '正在保存…', try: '正在试算…' }[act]
    try {
      const answer = await fetch(this.config.url, { method: 'POST', body, headers: { 'X-CSRFToken': csrfToken(), Accept: 'application/json' } })
      const text = await answer.text()
      const read = (/json/.test(answer.headers.get('Content-Type') ?? '') ? JSON.parse(text) : {}) as Answer
      this.faults = read.faults ?? []
      this.hits.clear()
      this.tried = null
      if (read.inputs) this.config.inputs = read.inputs
      if (read.faults) this.show(read.findings ?? [])
      if (!answer.ok || this.faults.length) {
        this.said.textContent = read.detail ?? '没有完成。'
        if (!read.faults) showProblem(readProblem(answer.status, answer.headers.get('Content-Type') ?? '', text))
      } else if (act === 'save') {
        this.config.version = read.version ?? this.config.version
        this.grids = read.grids ?? this.grids
        this.dirty = false
        this.said.textContent = `已保存 ${new Date().toLocaleTimeString('zh-CN', { hour: '2-digit', minute: '2-digit' })}`
      } else if (act === 'try' && read.tried && grid) {
        for (const hit of read.tried.hits) this.hits.set(hit.decision, hit.rules)
        this.tried = { decision: grid.id, text: el('div', {}, el('dl', { class: 'zg-grid-value' }, ...read.tried.value.map(([name, value]) => el('div', {}, el('dt', { text: name || '结果' }), el('dd', { text: value })))), el('ul', {}, ...read.tried.because.map((line) => el('li', { text: line })))) }
        this.said.textContent = this.dirty ? '已按现在的内容试算，尚未保存。' : '已试算。'
      } else this.said.textContent = read.findings?.length ? `写法正确，有 ${read.findings.length} 条提醒。` : '没有发现问题。'
      this.draw()
    } catch {
      this.said.textContent = '网络不通，没有完成，内容仍在本页。'
    }
  }
}
