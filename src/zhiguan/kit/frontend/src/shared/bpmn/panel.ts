/** 属性: what one element of the process says beyond its picture, in Chinese, with the lists it may choose from. */
import { el, icon } from '../dom'
import { type Services, type Shape, titleOf } from './model'
import { whoEditor, type WhoWords } from './who'

export interface Words extends WhoWords {
  stages: Record<string, string>
  modes: Record<string, string>
  acts: Record<string, string>
  fields: { code: string; name: string; kind: string; editable: boolean }[]
  tables: Record<string, [id: string, name: string][]>
  names: { code: string; name: string; kind: string }[]
}

type Values = Record<string, unknown>
const list = (text: unknown): string[] => String(text ?? '').split(',').map((each) => each.trim()).filter(Boolean)
const is = (shape: Shape, ...types: string[]): boolean => types.includes(shape.type)

export class Panel {
  constructor(
    private readonly place: HTMLElement,
    private readonly words: Words,
    private readonly services: Services,
    private readonly locked: boolean,
    private readonly checkCondition: (text: string) => Promise<string>,
  ) {}

  show(chosen: Shape | undefined): void {
    const shape = chosen?.labelTarget ?? chosen ?? this.services.canvas.getRootElement()
    const about = shape.businessObject
    this.place.replaceChildren(el('h2', { class: 'zg-panel-title', text: titleOf(shape.type) }))
    if (is(shape, 'bpmn:TextAnnotation')) return this.field('批注', this.input(about.get('text'), (text) => this.set(shape, { text }), 3))
    if (!is(shape, 'bpmn:Process', 'bpmn:Collaboration')) this.code(shape)
    this.field('名称', this.input(about.name, (name) => this.set(shape, { name }), is(shape, 'bpmn:UserTask') ? 2 : 1))
    if (is(shape, 'bpmn:UserTask')) this.step(shape)
    else if (is(shape, 'bpmn:ServiceTask')) this.field('系统动作', this.choice(this.words.acts, about.get('zg:do'), (act) => this.set(shape, { 'zg:do': act })))
    else if (is(shape, 'bpmn:BusinessRuleTask')) this.decision(shape)
    else if (is(shape, 'bpmn:SequenceFlow')) this.flow(shape)
    else if (is(shape, 'bpmn:Process') && !this.locked) this.place.append(el('p', { class: 'form-hint', text: '点选图中的元素，在这里设置。从左侧拖出新的元素；选中元素后，也可以用旁边的按钮接着画。' }))
  }

  private set(shape: Shape, values: Values): void {
    this.services.modeling.updateProperties(shape, Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value === '' ? undefined : value])))
  }

  private field(label: string, control: HTMLElement, hint = ''): void {
    const labelled = control.matches('input, select, textarea')
    this.place.append(
      el(labelled ? 'label' : 'div', { class: 'zg-panel-field', role: labelled ? null : 'group', 'aria-label': labelled ? null : label }, el('span', { class: 'form-label', text: label }), control, hint ? el('span', { class: 'form-hint', text: hint }) : null),
    )
  }

  private input(value: unknown, change: (text: string) => void, rows = 1): HTMLElement {
    const node = rows > 1 ? el('textarea', { class: 'form-control', rows, readonly: this.locked }) : el('input', { class: 'form-control', readonly: this.locked })
    node.value = String(value ?? '')
    node.addEventListener('change', () => change(node.value.trim()))
    return node
  }

  private choice(choices: Record<string, string>, value: unknown, change: (code: string) => void, empty = '请选择'): HTMLSelectElement {
    const node = el('select', { class: 'form-select', disabled: this.locked })
    const chosen = String(value ?? '')
    if (empty && !(chosen in choices)) node.append(el('option', { value: '', text: empty }))
    for (const [code, name] of Object.entries(choices)) node.append(el('option', { value: code, text: name, selected: code === chosen }))
    node.addEventListener('change', () => change(node.value))
    return node
  }

  private several(choices: [code: string, name: string][], chosen: string[], change: (codes: string[]) => void): HTMLElement {
    const kept = new Set(chosen)
    const all: [string, string][] = [...choices, ...chosen.filter((code) => !choices.some(([known]) => known === code)).map((code): [string, string] => [code, `${code}（不存在）`])]
    const box = el('div', { class: 'zg-panel-several' })
    for (const [code, name] of all) {
      const tick = el('input', { type: 'checkbox', class: 'form-check-input', checked: kept.has(code), disabled: this.locked })
      tick.addEventListener('change', () => {
        if (tick.checked) kept.add(code)
        else kept.delete(code)
        change([...kept])
      })
      box.append(el('label', { class: 'form-check m-0' }, tick, el('span', { class: 'form-check-label', text: name })))
    }
    if (!all.length) box.append(el('span', { class: 'text-secondary', text: '没有可选的内容' }))
    return box
  }

  private folded(title: string, count: number, control: HTMLElement): void {
    this.place.append(el('details', { class: 'zg-panel-fold' }, el('summary', {}, title, count ? el('span', { class: 'badge bg-blue-lt ms-2', text: String(count) }) : null), control))
  }

  private tick(label: string, on: boolean, change: (on: boolean) => void): void {
    const tick = el('input', { type: 'checkbox', class: 'form-check-input', checked: on, disabled: this.locked })
    tick.addEventListener('change', () => change(tick.checked))
    this.place.append(el('label', { class: 'form-check' }, tick, el('span', { class: 'form-check-label', text: label })))
  }

  private code(shape: Shape): void {
    const node = el('input', { class: 'form-control', readonly: this.locked, value: shape.id, spellcheck: 'false' })
    const hint = el('span', { class: 'form-hint', text: is(shape, 'bpmn:UserTask') ? `条件中写作 outcomes.${shape.id}` : '' })
    node.addEventListener('change', () => {
      const wanted = node.value.trim()
      const taken = wanted !== shape.id && this.services.elementRegistry.get(wanted)
      if (!/^[A-Za-z_][\w.-]{0,63}$/.test(wanted) || taken) {
        hint.textContent = taken ? '已有元素使用这个代码。' : '须以英文字母开头，只含字母、数字和下划线。'
        node.value = shape.id
        return
      }
      if (wanted !== shape.id) this.services.modeling.updateProperties(shape, { id: wanted })
      hint.textContent = ''
    })
    this.place.append(el('label', { class: 'zg-panel-field' }, el('span', { class: 'form-label', text: '代码' }), node, hint))
  }

  private step(shape: Shape): void {
    const about = shape.businessObject
    const get = (name: string): string => String(about.get(`zg:${name}`) ?? '')
    const put = (name: string, value: string): void => this.set(shape, { [`zg:${name}`]: value })
    this.field('环节类型', this.choice(this.words.stages, get('stage') || 'review', (code) => put('stage', code), ''))
    const steps = this.services.elementRegistry.filter((each) => each.type === 'bpmn:UserTask' && each.id !== shape.id).map((each): [string, string] => [each.id, each.businessObject.name ?? each.id])
    const people = this.words.fields.filter((field) => field.kind === 'person').map((field): [string, string] => [field.code, field.name])
    const known = { ...this.words.known, handler: Object.fromEntries(steps), field: Object.fromEntries(people) }
    this.field('办理人', whoEditor(get('who'), { ...this.words, known }, (text) => put('who', text), this.locked))
    const [mode = 'one', ratio = '0.6'] = (get('mode') || 'one').split(':')
    this.field('办理方式', this.choice(this.words.modes, mode, (code) => {
      put('mode', code === 'one' ? '' : code === 'ratio' ? 'ratio:0.6' : code)
      this.show(shape)
    }, ''))
    if (mode === 'ratio') this.field('通过比例', this.input(ratio, (share) => put('mode', `ratio:${share}`)), '0 至 1 之间，例如 0.6')
    this.field('时限', this.input(get('days'), (text) => put('days', text)), '工作日数，或者依据资料的代码；不填则不单独计时')
    this.field('办理结果', this.outcomes(get('outcomes'), (text) => put('outcomes', text)))
    this.tick('必须填写办理意见', get('opinion') === 'required', (on) => put('opinion', on ? 'required' : ''))
    this.tick('可以批量办理', get('bulk') === 'yes', (on) => put('bulk', on ? 'yes' : ''))
    const fields = this.words.fields.map((field): [string, string] => [field.code, field.name])
    const editable = this.words.fields.filter((field) => field.editable).map((field): [string, string] => [field.code, field.name])
    this.folded('本步骤可以填写', list(get('edit')).length, this.several(editable, list(get('edit')), (codes) => put('edit', codes.join(','))))
    this.folded('本步骤不显示', list(get('hide')).length, this.several(fields, list(get('hide')), (codes) => put('hide', codes.join(','))))
    this.folded('不得同一人办理', list(get('not')).length, this.several(steps, list(get('not')), (codes) => put('not', codes.join(','))))
    this.field('办理说明', this.input(about.documentation?.[0]?.text, (text) => this.services.modeling.updateProperties(shape, {
      documentation: text ? [this.services.moddle.create('bpmn:Documentation', { text })] : [],
    }), 3), '办理人在办理时看到')
  }

  private outcomes(text: string, change: (text: string) => void): HTMLElement {
    const rows: [string, string][] = text ? list(text).map((word) => { const [code = '', name] = word.split('='); return [code, name ?? code] }) : [['agree', '同意'], ['refuse', '不同意']]
    const box = el('div', { class: 'zg-panel-outcomes' })
    const clean = (word: string): string => word.replace(/[,=]/g, '').trim()
    const told = (): void => change(rows.filter(([code]) => code).map(([code, name]) => `${code}=${name || code}`).join(','))
    const draw = (): void => {
      box.replaceChildren(...rows.map((row, at) => {
        const code = el('input', { class: 'form-control form-control-sm', value: row[0], 'aria-label': `结果 ${at + 1} 的代码`, readonly: this.locked, spellcheck: 'false' })
        const name = el('input', { class: 'form-control form-control-sm', value: row[1], 'aria-label': `结果 ${at + 1} 的文字`, readonly: this.locked })
        code.addEventListener('change', () => { row[0] = clean(code.value); told() })
        name.addEventListener('change', () => { row[1] = clean(name.value); told() })
        const remove = el('button', { type: 'button', class: 'btn btn-sm btn-icon', 'aria-label': `去掉结果 ${at + 1}`, onclick: () => { rows.splice(at, 1); told(); draw() } }, icon('x'))
        return el('div', { class: 'zg-panel-outcome' }, code, name, this.locked || rows.length < 2 ? null : remove)
      }))
      if (!this.locked) box.append(el('button', { type: 'button', class: 'btn btn-sm', onclick: () => { rows.push(['', '']); draw() } }, icon('plus'), '添加结果'))
    }
    draw()
    return box
  }

  private decision(shape: Shape): void {
    const choices: Record<string, string> = {}
    for (const [table, decisions] of Object.entries(this.words.tables)) for (const [id, name] of decisions) choices[`${table}:${id}`] = `${table} · ${name}`
    this.field('决策', this.choice(choices, shape.businessObject.get('zg:decision'), (code) => this.set(shape, { 'zg:decision': code })), `结果在条件中写作 decisions.${shape.id}`)
  }

  private flow(shape: Shape): void {
    const { source, businessObject: about } = shape
    if (!source || !is(source, 'bpmn:ExclusiveGateway', 'bpmn:InclusiveGateway')) return
    const byDefault = source.businessObject.default === about
    this.tick('其他条件都不成立时走这里', byDefault, (on) => {
      this.services.modeling.updateProperties(source, { default: on ? about : undefined })
      if (on) this.services.modeling.updateProperties(shape, { conditionExpression: undefined })
      this.show(shape)
    })
    if (byDefault) return
    const said = el('span', { class: 'form-hint' })
    const area = this.input(about.conditionExpression?.body, (text) => {
      this.services.modeling.updateProperties(shape, { conditionExpression: text ? this.services.moddle.create('bpmn:FormalExpression', { body: text }) : undefined })
      said.textContent = ''
      if (text) void this.checkCondition(text).then((fault) => { said.textContent = fault || '写法正确。'; said.classList.toggle('text-danger', Boolean(fault)) })
    }, 3)
    this.field('条件（FEEL）', area)
    this.place.append(said)
    const steps = this.services.elementRegistry.filter((each) => each.type === 'bpmn:UserTask').map((each) => [`outcomes.${each.id}`, `${each.businessObject.name ?? ''}的结果`])
    const rules = this.services.elementRegistry.filter((each) => each.type === 'bpmn:BusinessRuleTask').map((each) => [`decisions.${each.id}`, `${each.businessObject.name ?? ''}的结果`])
    const names = [...this.words.fields.map((field) => [field.code, field.name]), ...this.words.names.map((each) => [each.code, each.name || '台账提供的数据'])]
    const entries = new Map([...steps, ...rules, ...names] as [string, string][])
    this.folded('条件中可用的名称', 0, el('dl', { class: 'zg-panel-names' }, ...[...entries].map(([code, name]) => el('div', {}, el('dt', {}, el('code', { text: code })), el('dd', { text: name })))))
  }
}
