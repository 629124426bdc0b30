/** 办理人: the words of `zg:who` put together by choosing, so that nobody has to know how they are written. */
import { el, icon } from '../dom'

export interface WhoWords {
  kinds: Record<string, string>
  places: Record<string, string>
  placed: string[]
  /** For a kind the codes it may name, with their names. */
  known: Record<string, Record<string, string>>
}

interface Term {
  kind: string
  what: string
  where: string
}

const NEEDS_PLACE = ['post', 'rank', 'chief']
const NOTHING_NAMED = ['applicant', 'chief']

export function readWho(text: string): Term[][] | null {
  const found: Term[][] = []
  for (const alternative of text.split('|')) {
    const terms: Term[] = []
    for (const word of alternative.split(',').map((each) => each.trim()).filter(Boolean)) {
      const match = /^(\w+)(?::([^@]+))?(?:@(\w+))?$/.exec(word)
      if (!match) return null
      terms.push({ kind: match[1] ?? '', what: (match[2] ?? '').trim(), where: match[3] ?? '' })
    }
    found.push(terms)
  }
  return found
}

export const writeWho = (alternatives: Term[][]): string =>
  alternatives
    .map((terms) => terms.map((term) => `${term.kind}${term.what ? `:${term.what}` : ''}${term.where ? `@${term.where}` : ''}`).join(','))
    .filter(Boolean)
    .join('|')

export function whoEditor(text: string, words: WhoWords, change: (text: string) => void, locked: boolean): HTMLElement {
  const box = el('div', { class: 'zg-who' })
  const read = readWho(text)
  if (!read) {
    const raw = el('textarea', { class: 'form-control', rows: 2, 'aria-label': '办理人规则' })
    raw.value = text
    raw.addEventListener('change', () => change(raw.value.trim()))
    box.append(raw)
    return box
  }
  const alternatives: Term[][] = text.trim() ? read : [[]]
  const told = (): void => change(writeWho(alternatives))
  const select = (choices: [string, string][], value: string, label: string, pick: (value: string) => void): HTMLSelectElement => {
    const made = el('select', { class: 'form-select form-select-sm', 'aria-label': label, disabled: locked })
    const all = choices.some(([code]) => code === value) ? choices : [...choices, [value, value ? `${value}（未登记）` : '请选择'] as [string, string]]
    for (const [code, name] of all) made.append(el('option', { value: code, text: name, selected: code === value }))
    made.addEventListener('change', () => pick(made.value))
    return made
  }
  const draw = (): void => {
    box.replaceChildren()
    alternatives.forEach((terms, at) => {
      const part = el('div', { class: 'zg-who-part' })
      if (at) part.append(el('div', { class: 'zg-who-or', text: '以上没有人时，改由' }))
      terms.forEach((term, place) => part.append(row(terms, term, place)))
      if (!locked) {
        part.append(
          el('button', { type: 'button', class: 'btn btn-sm', onclick: () => { terms.push({ kind: 'permission', what: '', where: 'bureau' }); draw() } }, icon('user-plus'), terms.length ? '再加一类人' : '添加办理人'),
        )
      }
      box.append(part)
    })
    if (!locked && alternatives.at(-1)?.length) {
      box.append(el('button', { type: 'button', class: 'btn btn-sm', onclick: () => { alternatives.push([]); draw() } }, icon('plus'), '没有人时改由…'))
    }
  }
  const row = (terms: Term[], term: Term, place: number): HTMLElement => {
    const line = el('div', { class: 'zg-who-term' })
    line.append(select(Object.entries(words.kinds), term.kind, '按什么确定', (kind) => {
      Object.assign(term, { kind, what: '', where: NEEDS_PLACE.includes(kind) ? 'applicant' : '' })
      told()
      draw()
    }))
    const known = words.known[term.kind]
    if (known) {
      const choices = Object.entries(known)
      if (term.kind === 'permission') choices.sort(([a], [b]) => Number(b.includes('.case.')) - Number(a.includes('.case.')))
      line.append(select(choices, term.what, words.kinds[term.kind] ?? '', (what) => { term.what = what; told() }))
    } else if (!NOTHING_NAMED.includes(term.kind) || (term.kind === 'chief' && term.what)) {
      const input = el('input', { class: 'form-control form-control-sm', value: term.what, 'aria-label': words.kinds[term.kind] ?? '', placeholder: term.kind === 'post' ? '例如 处长' : '', disabled: locked })
      input.addEventListener('change', () => { term.what = input.value.replace(/[,|@]/g, '').trim(); told() })
      line.append(input)
    }
    if (words.placed.includes(term.kind)) {
      const places = Object.entries(words.places).filter(([code]) => (NEEDS_PLACE.includes(term.kind) ? code !== '' && code !== 'bureau' : true))
      line.append(select(places.map(([code, name]) => [code, name || '不限单位']), term.where, '范围', (where) => { term.where = where; told() }))
    }
    if (!locked) {
      line.append(el('button', { type: 'button', class: 'btn btn-sm btn-icon', 'aria-label': '去掉这一类人', onclick: () => {
        terms.splice(place, 1)
        if (!terms.length && alternatives.length > 1) alternatives.splice(alternatives.indexOf(terms), 1)
        told()
        draw()
      } }, icon('x')))
    }
    return line
  }
  draw()
  return box
}
