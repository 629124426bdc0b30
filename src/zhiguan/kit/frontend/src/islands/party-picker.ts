/** 乘车人名单: people of one's own organ by name or pinyin, others as written. The hidden textarea holds the JSON. */
import { el } from '../shared/dom'

interface Config {
  search_url: string
}

interface Passenger {
  person: number | null
  name: string
  unit: string
}

interface Found {
  title: string
  subtitle: string
  value: string
  unit: string
}

export function mount(root: HTMLElement, config: Config): void {
  const area = root.querySelector('textarea')
  if (!area) return
  let party: Passenger[] = []
  try {
    party = JSON.parse(area.value || '[]') as Passenger[]
  } catch {
    area.value = '[]'
  }
  const chips = el('div', { class: 'zg-chips' })
  const input = el('input', { class: 'form-control', id: `${area.id}_search`, placeholder: '姓名或拼音；外单位人员填写后回车', autocomplete: 'off', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': `${area.id}_list`, 'aria-autocomplete': 'list' })
  const list = el('ul', { class: 'zg-suggest', role: 'listbox', id: `${area.id}_list`, hidden: true, 'aria-label': '人员' })
  const count = root.closest('form')?.querySelector<HTMLInputElement>('input[name=passenger_count]')
  document.querySelector(`label[for="${area.id}"]`)?.setAttribute('for', input.id)
  let found: Found[] = []
  let at = -1
  let timer = 0

  const show = (open: boolean): void => {
    list.hidden = !open
    input.setAttribute('aria-expanded', String(open))
    if (!open) at = -1
  }
  const draw = (): void => {
    area.value = JSON.stringify(party)
    area.dispatchEvent(new Event('change', { bubbles: true }))
    if (count && Number(count.value) < party.length) count.value = String(party.length)
    chips.replaceChildren(
      ...party.map((each, index) =>
        el('span', { class: 'zg-chip' }, `${each.name}${each.unit ? `（${each.unit}）` : ''}`, el('button', { type: 'button', 'aria-label': `移除 ${each.name}`, text: '×', onclick: () => {
          party.splice(index, 1)
          draw()
          input.focus()
        } })),
      ),
    )
  }
  const add = (one: Passenger): void => {
    if (!party.some((each) => each.name === one.name && each.person === one.person)) party.push(one)
    input.value = ''
    show(false)
    draw()
  }
  const mark = (index: number): void => {
    at = index
    list.querySelectorAll('[role=option]').forEach((node, key) => node.setAttribute('aria-selected', String(key === at)))
  }
  const look = async (): Promise<void> => {
    const text = input.value.trim()
    if (!text) return show(false)
    try {
      const response = await fetch(`${config.search_url}?q=${encodeURIComponent(text)}`)
      found = response.ok ? ((await response.json()) as { items: Found[] }).items : []
    } catch {
      found = []
    }
    if (input.value.trim() !== text) return
    list.replaceChildren(
      ...found.map((each) => el('li', { role: 'option', 'aria-selected': 'false', onpointerdown: (event) => event.preventDefault(), onclick: () => add({ person: Number(each.value), name: each.title, unit: each.unit }) }, el('span', { text: each.title }), el('small', { text: each.subtitle }))),
    )
    if (!found.length) list.append(el('li', { class: 'zg-suggest-none', role: 'presentation', text: '本单位没有此人；按回车作为外单位人员加入' }))
    show(true)
  }
  input.addEventListener('input', (event) => {
    if ((event as InputEvent).isComposing) return
    clearTimeout(timer)
    timer = window.setTimeout(() => void look(), 200)
  })
  input.addEventListener('blur', () => setTimeout(() => show(false), 150))
  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      mark((at + (event.key === 'ArrowDown' ? 1 : -1) + found.length) % Math.max(found.length, 1))
    } else if (event.key === 'Enter') {
      event.preventDefault()
      const one = found[at]
      const text = input.value.trim()
      if (one && !list.hidden) add({ person: Number(one.value), name: one.title, unit: one.unit })
      else if (text) add({ person: null, name: text.slice(0, 40), unit: '' })
    } else if (event.key === 'Escape') show(false)
    else if (event.key === 'Backspace' && !input.value && party.length) {
      party.pop()
      draw()
    }
  })
  // What was typed and not yet taken must not be lost on submit.
  root.closest('form')?.addEventListener('submit', () => input.value.trim() && add({ person: null, name: input.value.trim().slice(0, 40), unit: '' }), true)
  root.append(chips, input, list)
  draw()
}
