/** 测试用例: the data of an application, what people decide one after another, and where the case should then stand. */
import '../styles/model.css'
import { readProblem, showProblem } from '../modules/problem'
import { csrfToken, el, icon } from '../shared/dom'

interface Given {
  code: string
  kind: string
  text: string
}

interface Act {
  step?: string
  outcome?: string
  return_to?: string
}

interface Check {
  name: string
  context: Given[]
  acts: Act[]
  open: string[] | null
  result: string | null
  decisions: Record<string, unknown>
}

interface Result {
  passed: boolean
  wrong: string[]
  trail: string[]
  open: string[] | null
  result: string | null
}

interface Config {
  checks: Check[]
  results: Result[]
  version: number
  url: string
  names: { code: string; name: string; kind: string }[]
  kinds: Record<string, string>
  endings: Record<string, string>
  steps: { id: string; name: string; outcomes: Record<string, string> }[]
}

export function mount(root: HTMLElement, config: Config): () => void {
  const checks = config.checks
  let results: (Result | undefined)[] = config.results
  let dirty = false
  const said = el('span', { class: 'zg-model-said', role: 'status' })
  const place = el('div', {})
  const known = new Map(config.names.map((each) => [each.code, each]))

  const changed = (): void => {
    dirty = true
    said.textContent = '有未保存的修改。'
  }
  const redraw = (): void => {
    changed()
    draw()
  }
  const pick = (choices: [string, string][], value: string, label: string, change: (code: string) => void): HTMLSelectElement => {
    const node = el('select', { class: 'form-select form-select-sm', 'aria-label': label })
    const all: [string, string][] = choices.some(([code]) => code === value) ? choices : [...choices, [value, `${value}（不存在）`]]
    for (const [code, name] of all) node.append(el('option', { value: code, text: name, selected: code === value }))
    node.addEventListener('change', () => change(node.value))
    return node
  }
  const input = (value: string, label: string, change: (text: string) => void): HTMLInputElement => {
    const node = el('input', { class: 'form-control form-control-sm', value, 'aria-label': label })
    node.addEventListener('input', () => {
      change(node.value)
      changed()
    })
    return node
  }
  const remove = (label: string, act: () => void): HTMLElement => el('button', { type: 'button', class: 'btn btn-sm btn-icon', 'aria-label': label, title: label, onclick: act }, icon('x'))
  const add = (text: string, act: () => void): HTMLElement => el('button', { type: 'button', class: 'btn btn-sm', onclick: act }, icon('plus'), text)

  const context = (check: Check): HTMLElement => {
    const box = el('fieldset', { class: 'zg-check-part' }, el('legend', { text: '申请的数据' }))
    check.context.forEach((given, at) => {
      const about = known.get(given.code)
      const label = about?.name || given.code
      const value = given.kind === 'boolean'
        ? pick([['true', '是'], ['false', '否']], given.text === 'true' ? 'true' : 'false', `${label}的值`, (text) => { given.text = text; changed() })
        : given.kind === 'empty' ? el('span', { class: 'text-secondary', text: '空值' }) : input(given.text, `${label}的值`, (text) => { given.text = text })
      box.append(el('div', { class: 'zg-check-given' }, about ? el('span', { text: label, title: given.code }) : input(given.code, '数据的代码', (text) => { given.code = text.trim() }),
        value, pick(Object.entries(config.kinds), given.kind, `${label}的类型`, (kind) => { Object.assign(given, { kind, text: kind === 'boolean' ? 'false' : '' }); redraw() }), remove(`去掉${label}`, () => { check.context.splice(at, 1); redraw() })))
    })
    const left = config.names.filter((each) => !check.context.some((given) => given.code === each.code))
    const more = pick([['', '添加数据…'], ...left.map((each): [string, string] => [each.code, each.name || each.code]), ['*', '其他数据']], '', '添加数据', (code) => {
      const about = known.get(code)
      check.context.push({ code: code === '*' ? '' : code, kind: about?.kind ?? 'text', text: about?.kind === 'boolean' ? 'false' : '' })
      redraw()
    })
    box.append(more)
    return box
  }

  const acts = (check: Check): HTMLElement => {
    const steps = config.steps.map((step): [string, string] => [step.id, step.name])
    const box = el('fieldset', { class: 'zg-check-part' }, el('legend', { text: '依次办理' }))
    check.acts.forEach((act, at) => {
      const back = act.return_to !== undefined
      const outcomes = config.steps.find((step) => step.id === act.step)?.outcomes ?? {}
      box.append(el('div', { class: 'zg-check-row' }, el('span', { text: `${at + 1}.` }),
        back ? el('span', { text: '退回到' }) : null,
        pick(steps, (back ? act.return_to : act.step) ?? '', `第 ${at + 1} 次办理的步骤`, (id) => { if (back) act.return_to = id; else Object.assign(act, { step: id, outcome: Object.keys(config.steps.find((step) => step.id === id)?.outcomes ?? {})[0] ?? 'agree' }); redraw() }),
        back ? null : pick(Object.entries(outcomes), act.outcome ?? 'agree', `第 ${at + 1} 次办理的结果`, (code) => { act.outcome = code; changed() }),
        remove(`去掉第 ${at + 1} 次办理`, () => { check.acts.splice(at, 1); redraw() })))
    })
    const next = (): string => {
      const used = check.acts.map((act) => act.step)
      return config.steps.find((step) => !used.includes(step.id))?.id ?? config.steps[0]?.id ?? ''
    }
    box.append(el('div', { class: 'zg-check-adds' }, add('办理', () => { const id = next(); check.acts.push({ step: id, outcome: Object.keys(config.steps.find((step) => step.id === id)?.outcomes ?? {})[0] ?? 'agree' }); redraw() }), add('退回', () => { check.acts.push({ return_to: config.steps[0]?.id ?? '' }); redraw() })))
    return box
  }

  const expected = (check: Check): HTMLElement => {
    const box = el('fieldset', { class: 'zg-check-part' }, el('legend', { text: '预期' }))
    const ends = pick([['*', '不检查结果'], ...Object.entries(config.endings)], check.result ?? '*', '预期的办理结果', (code) => { check.result = code === '*' ? null : code; changed() })
    const where = el('div', { class: 'zg-panel-several' })
    const told = el('input', { type: 'checkbox', class: 'form-check-input', checked: check.open !== null })
    told.addEventListener('change', () => { check.open = told.checked ? [] : null; redraw() })
    if (check.open !== null) {
      for (const step of config.steps) {
        const tick = el('input', { type: 'checkbox', class: 'form-check-input', checked: check.open.includes(step.id) })
        tick.addEventListener('change', () => { check.open = tick.checked ? [...(check.open ?? []), step.id] : (check.open ?? []).filter((id) => id !== step.id); changed() })
        where.append(el('label', { class: 'form-check m-0' }, tick, el('span', { class: 'form-check-label', text: step.name })))
      }
      where.append(el('span', { class: 'form-hint', text: '都不选：流程已经结束。' }))
    }
    box.append(el('label', { class: 'zg-check-row' }, el('span', { text: '办理结果' }), ends), el('label', { class: 'form-check' }, told, el('span', { class: 'form-check-label', text: '检查停在哪些步骤' })), where)
    return box
  }

  const outcome = (check: Check, result: Result | undefined): HTMLElement | null => {
    if (!result) return null
    const box = el('div', { class: `alert alert-${result.passed ? 'success' : 'danger'} zg-check-result` }, el('div', {}, ...result.wrong.map((text) => el('p', { class: 'mb-1', text })), el('p', { class: 'm-0', text: `实际经过：${result.trail.join(' → ')}` })))
    if (!result.passed && result.open) {
      box.append(el('button', { type: 'button', class: 'btn btn-sm', onclick: () => { check.open = result.open; check.result = result.result; redraw() } }, '按实际填写预期'))
    }
    return box
  }

  function draw(): void {
    place.replaceChildren(...checks.map((check, at) => {
      const result = results[at]
      return el('section', { class: 'card zg-block', 'aria-label': `测试用例 ${at + 1}` },
        el('div', { class: 'card-header zg-check-head' }, el('span', { text: `${at + 1}.` }), input(check.name, '用例名称', (text) => { check.name = text }), result ? el('span', { class: `badge bg-${result.passed ? 'green' : 'red'}-lt`, text: result.passed ? '通过' : '未通过' }) : null,
          el('button', { type: 'button', class: 'btn btn-sm', onclick: () => { checks.splice(at + 1, 0, { ...structuredClone(check), name: `${check.name}（副本）` }); results.splice(at + 1, 0, undefined); redraw() } }, icon('copy'), '复制'),
          el('button', { type: 'button', class: 'btn btn-sm', onclick: () => { checks.splice(at, 1); results.splice(at, 1); redraw() } }, icon('trash'), '删除')),
        el('div', { class: 'card-body' }, el('div', { class: 'zg-check-parts' }, context(check), acts(check), expected(check)), outcome(check, result)))
    }))
    if (!checks.length) place.append(el('p', { class: 'text-secondary', text: '还没有测试用例。' }))
  }

  const send = async (act: 'run' | 'save'): Promise<void> => {
    const body = new FormData()
    for (const [name, value] of Object.entries({ act, checks: JSON.stringify(checks), version: String(config.version) })) body.append(name, value)
    said.textContent = act === 'save' ? '正在保存…' : '正在运行…'
    try {
      const answer = await fetch(config.url, { method: 'POST', body, headers: { 'X-CSRFToken': csrfToken(), Accept: 'application/json' } })
      const text = await answer.text()
      if (!answer.ok) {
        said.textContent = '没有完成。'
        showProblem(readProblem(answer.status, answer.headers.get('Content-Type') ?? '', text))
        return
      }
      const read = JSON.parse(text) as { results: Result[]; version?: number }
      results = read.results
      config.version = read.version ?? config.version
      if (act === 'save') dirty = false
      const failed = results.filter((each) => !each?.passed).length
      said.textContent = `${act === 'save' ? '已保存。' : ''}${failed ? `${failed} 个未通过。` : results.length ? '全部通过。' : ''}${dirty ? '尚未保存。' : ''}`
      draw()
    } catch {
      said.textContent = '网络不通，没有完成，内容仍在本页。'
    }
  }
  const button = (text: string, sign: string, act: () => void, extra = ''): HTMLElement => el('button', { type: 'button', class: `btn ${extra}`, onclick: act }, icon(sign), text)
  root.append(el('div', { class: 'zg-model-bar', role: 'toolbar', 'aria-label': '编辑工具' },
    button('新增用例', 'plus', () => { checks.push({ name: `用例 ${checks.length + 1}`, context: config.names.map((each) => ({ code: each.code, kind: each.kind, text: each.kind === 'boolean' ? 'false' : each.kind === 'number' ? '0' : '' })), acts: [], open: config.steps[0] ? [config.steps[0].id] : [], result: null, decisions: {} }); results.push(undefined); redraw() }),
    button('运行全部', 'player-play', () => void send('run')), button('保存', 'device-floppy', () => void send('save'), 'btn-primary'), said), place)
  draw()
  const leave = (event: BeforeUnloadEvent): void => {
    if (dirty) event.preventDefault()
  }
  window.addEventListener('beforeunload', leave)
  return () => window.removeEventListener('beforeunload', leave)
}
