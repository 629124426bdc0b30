/** One dialog for every act of the board: everything that can be dragged can be done here by keyboard and on a phone. */
import { el } from '../dom'
import { type Advice, fromInput, inputText, type Order, type Ranked, Refused, spanText } from './data'

export type ActName = 'dispatch' | 'dispatch_urgently' | 'redispatch' | 'reschedule' | 'extend' | 'withdraw' | 'share'

export interface Ask {
  order: Order
  act: ActName
  vehicle?: number | null
  driver?: number | null
  from?: number
  to?: number
  host?: number
}

export interface Tools {
  advice: (order: number) => Promise<Advice>
  send: (ask: Ask, reason: string) => Promise<void>
  orderUrl: (id: number) => string
}

const TITLES: Record<ActName, string> = {
  dispatch: '派车',
  dispatch_urgently: '应急派车（先派车后审批）',
  redispatch: '改派',
  reschedule: '调整时间',
  extend: '延时',
  withdraw: '撤回派车',
  share: '拼车',
}

function options(select: HTMLSelectElement, ranked: Ranked[], chosen: number | null | undefined, what: string): void {
  const good = ranked.filter((each) => each.fits)
  const poor = ranked.filter((each) => !each.fits)
  const option = (each: Ranked): HTMLOptionElement => el('option', { value: each.id, text: `${each.title}　${each.reasons.slice(0, 2).join('；')}` })
  select.replaceChildren(...good.map(option))
  if (poor.length) select.append(el('optgroup', { label: '不宜派' }, ...poor.map(option)))
  if (chosen && !ranked.some((each) => each.id === chosen)) select.prepend(el('option', { value: chosen, text: `当前${what}` }))
  if (chosen) select.value = String(chosen)
  if (!select.options.length) select.append(el('option', { value: '', text: `没有空闲的${what}` }))
}

/** Opens the dialog; resolves when it is closed, whatever became of it. */
export async function ask(first: Ask, tools: Tools): Promise<void> {
  const { order } = first
  let now: ActName = first.act
  const title = el('h2', { class: 'modal-title', id: 'zg-board-title', tabindex: -1 })
  const error = el('div', { class: 'alert alert-danger', role: 'alert', hidden: true })
  const vehicle = el('select', { class: 'form-select', id: 'zg-b-vehicle' })
  const driver = el('select', { class: 'form-select', id: 'zg-b-driver' })
  const host = el('select', { class: 'form-select', id: 'zg-b-host' })
  const from = el('input', { class: 'form-control', type: 'datetime-local', step: 900, id: 'zg-b-from', value: inputText(first.from ?? order.from) })
  const to = el('input', { class: 'form-control', type: 'datetime-local', step: 900, id: 'zg-b-to', value: inputText(first.to ?? order.to) })
  const reason = el('input', { class: 'form-control', id: 'zg-b-reason', maxlength: 200, list: 'zg-b-reasons' })
  const why = el('p', { class: 'form-hint' })
  const hint = el('p', { class: 'text-secondary mb-0' })
  const field = (label: string, control: HTMLElement, id: string): HTMLElement => el('div', { class: 'mb-2', 'data-for': id }, el('label', { class: 'form-label', for: control.id, text: label }), control)
  const fields: Record<string, HTMLElement> = {
    vehicle: field('车辆', vehicle, 'vehicle'),
    driver: field('驾驶员', driver, 'driver'),
    host: field('拼入的派车单', host, 'host'),
    from: field('用车时间', from, 'from'),
    to: field('结束时间', to, 'to'),
    reason: field('原因', reason, 'reason'),
  }
  const ok = el('button', { class: 'btn btn-primary', type: 'submit' })
  const tabs = el('div', { class: 'btn-list mb-3', role: 'group', 'aria-label': '办理事项' })
  const form = el(
    'form',
    { class: 'modal-content', method: 'dialog' },
    el('div', { class: 'modal-header' }, title, el('button', { type: 'button', class: 'btn-close', 'aria-label': '关闭', onclick: () => dialog.close() })),
    el(
      'div',
      { class: 'modal-body' },
      el('p', { class: 'mb-1' }, el('strong', { text: order.code }), ` ${spanText(order.from, order.to)}，${order.persons} 人${order.body ? `，${order.body}` : ''}`),
      el('p', { class: 'mb-3 text-secondary', text: `${order.unit} ${order.who}：${order.origin} → ${order.destination}（${order.purpose}）` }),
      tabs,
      error,
      ...Object.values(fields),
      el('datalist', { id: 'zg-b-reasons' }, ...['申请人要求', '车辆故障', '任务冲突', '合理调度', '操作有误'].map((text) => el('option', { value: text }))),
      why,
      hint,
    ),
    el('div', { class: 'modal-footer' }, el('a', { class: 'btn me-auto', href: tools.orderUrl(order.id), text: '查看派车单' }), el('button', { type: 'button', class: 'btn', text: '取消', onclick: () => dialog.close() }), ok),
  )
  const dialog = el('dialog', { class: 'zg-board-dialog', 'aria-labelledby': 'zg-board-title' }, form)
  const acts: ActName[] =
    order.state === 'approved' ? ['dispatch', 'share'] : order.state === 'requested' ? ['dispatch_urgently'] : order.state === 'dispatched' ? (order.host ? ['withdraw'] : ['redispatch', 'reschedule', 'withdraw']) : order.state === 'started' && !order.host ? ['extend'] : []

  const choose = (name: ActName): void => {
    now = name
    title.textContent = TITLES[name]
    ok.textContent = name === 'withdraw' ? '撤回' : name === 'dispatch_urgently' ? '派车' : TITLES[name]
    const shown: Record<string, boolean> = {
      vehicle: /dispatch/.test(name),
      driver: /dispatch/.test(name),
      host: name === 'share',
      from: name === 'reschedule',
      to: name === 'reschedule' || name === 'extend',
      reason: !['dispatch', 'share'].includes(name),
    }
    for (const [key, node] of Object.entries(fields)) node.hidden = !shown[key]
    reason.required = shown.reason ?? false
    error.hidden = true
    for (const tab of tabs.children) tab.setAttribute('aria-pressed', String((tab as HTMLElement).dataset.act === name))
    explain()
  }
  let advice: Advice | null = null
  const explain = (): void => {
    const parts: string[] = []
    if (advice && !fields.vehicle!.hidden) {
      const car = advice.cars.find((each) => String(each.id) === vehicle.value)
      const person = advice.drivers.find((each) => String(each.id) === driver.value)
      if (car) parts.push(`${car.title}：${car.reasons.join('；')}`)
      if (person) parts.push(`${person.title}：${person.reasons.join('；')}`)
    }
    why.textContent = parts.join('。')
    hint.textContent = advice?.alternatives.length && /^dispatch/.test(now) ? `也可考虑：${advice.alternatives.join('；')}` : ''
  }
  for (const name of acts) tabs.append(el('button', { type: 'button', class: 'btn btn-sm', 'data-act': name, text: TITLES[name].replace(/（.*/, ''), onclick: () => choose(name) }))
  tabs.hidden = acts.length < 2
  vehicle.addEventListener('change', explain)
  driver.addEventListener('change', explain)

  document.body.append(dialog)
  choose(first.act)
  dialog.showModal()
  const closed = new Promise<void>((resolve) => dialog.addEventListener('close', () => resolve(), { once: true }))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    event.stopPropagation()
    if (ok.disabled) return
    ok.disabled = true
    ok.classList.add('btn-loading')
    const given: Ask = { order, act: now, vehicle: Number(vehicle.value) || null, driver: Number(driver.value) || null, host: Number(host.value) || undefined, from: fromInput(from.value), to: fromInput(to.value) }
    tools
      .send(given, reason.value.trim())
      .then(() => dialog.close())
      .catch((refusal: unknown) => {
        if (!(refusal instanceof Refused)) throw refusal
        error.textContent = refusal.message
        error.hidden = false
      })
      .finally(() => {
        ok.disabled = false
        ok.classList.remove('btn-loading')
      })
  })
  if (['approved', 'requested', 'dispatched'].includes(order.state)) {
    vehicle.append(el('option', { value: '', text: '正在查找……' }))
    driver.append(el('option', { value: '', text: '正在查找……' }))
    ok.disabled = true
    try {
      advice = await tools.advice(order.id)
      options(vehicle, advice.cars, first.vehicle ?? order.vehicle, '车辆')
      options(driver, advice.drivers, first.driver ?? order.driver, '驾驶员')
      host.replaceChildren(...advice.sharing.map((each) => el('option', { value: each.id, text: `${each.code}　${each.reasons.join('；')}` })))
      if (!host.options.length) host.append(el('option', { value: '', text: '没有时间、路线和座位都合适的派车单' }))
      explain()
    } catch {
      error.textContent = '派车建议没有取到，请关闭后重试。'
      error.hidden = false
    }
    ok.disabled = false
  }
  ;(reason.required && !fields.reason!.hidden ? reason : ok).focus()
  await closed
  dialog.remove()
}
