/** 调度台: waiting orders, the chart of vehicles or drivers, free cars on a map. README.md tells the payload. */
import '../styles/board.css'
import type { Map as MapLibre } from 'maplibre-gl'
import { toast } from '../modules/toast'
import { act, type Advice, type Board, clockText, dayText, type Order, Refused, type Row } from '../shared/board/data'
import { ask, type Ask } from '../shared/board/dialog'
import { Gantt } from '../shared/board/gantt'
import { el, icon, memory } from '../shared/dom'
import type { BaseMapConfig } from '../shared/map'

interface Config {
  data_url: string
  act_url: string
  advice_url: string
  free_url: string
  order_url: string
  vehicle_url: string
  units: { id: number; name: string }[]
  day: string
  refresh_seconds: number
  map: BaseMapConfig
}

interface Undo {
  text: string
  ask: Ask
  reason: string
}

const UNDO_MS = 10_000

export function mount(root: HTMLElement, config: Config): () => void {
  let board: Board | null = null
  let etag = ''
  let day = config.day
  let span = memory.get('zg.board.span') === 'week' ? 'week' : 'day'
  let by: 'vehicle' | 'driver' = memory.get('zg.board.by') === 'driver' ? 'driver' : 'vehicle'
  let filter = ''
  let unit = ''
  let asking = false
  let stop: AbortController | null = null
  let map: MapLibre | null = null

  const press = (value: boolean): string => String(value)
  const toggle = (text: string, run: () => void): HTMLButtonElement => el('button', { type: 'button', class: 'btn', text, onclick: run })
  const dayInput = el('input', { type: 'date', class: 'form-control', value: day, 'aria-label': '日期' })
  const search = el('input', { type: 'search', class: 'form-control', placeholder: '车牌、驾驶员、单位', 'aria-label': '筛选行' })
  const units = el('select', { class: 'form-select', 'aria-label': '单位' }, el('option', { value: '', text: '全部单位' }), ...config.units.map((each) => el('option', { value: each.id, text: each.name })))
  units.hidden = config.units.length < 2
  const byVehicle = toggle('按车辆', () => turn('vehicle'))
  const byDriver = toggle('按驾驶员', () => turn('driver'))
  const oneDay = toggle('日', () => stretch('day'))
  const oneWeek = toggle('周', () => stretch('week'))
  const free = el('input', { type: 'checkbox', class: 'form-check-input', id: 'zg-board-free' })
  const mapButton = toggle('空闲车辆地图', () => void showMap())
  const state = el('span', { class: 'zg-board-state', role: 'status' })
  const bar = el(
    'div',
    { class: 'zg-board-bar' },
    el('div', { class: 'btn-group' }, el('button', { type: 'button', class: 'btn btn-icon', 'aria-label': '前一天', onclick: () => shift(-1) }, icon('chevron-left')), dayInput, el('button', { type: 'button', class: 'btn btn-icon', 'aria-label': '后一天', onclick: () => shift(1) }, icon('chevron-right'))),
    toggle('今天', () => go(config.day)),
    el('div', { class: 'btn-group', role: 'group', 'aria-label': '跨度' }, oneDay, oneWeek),
    el('div', { class: 'btn-group', role: 'group', 'aria-label': '行' }, byVehicle, byDriver),
    units,
    search,
    el('label', { class: 'form-check form-check-inline mb-0', for: 'zg-board-free' }, free, el('span', { class: 'form-check-label', text: '只看此刻空闲' })),
    mapButton,
    state,
  )
  const list = el('div', { class: 'zg-board-cards' })
  const count = el('span', { class: 'badge bg-yellow-lt' })
  const side = el('section', { class: 'zg-board-side', 'aria-label': '待派车' }, el('h2', { class: 'h4' }, '待派车 ', count), list)
  const chart = el('div', { class: 'zg-gantt', role: 'group', 'aria-label': '派车排班' })
  const legend = el('div', { class: 'zg-board-legend', 'aria-hidden': 'true' }, ...(['dispatched:已派车', 'unaccepted:未接单', 'started:出车中', 'ended:已收车', 'block:不可用'] as const).map((each) => el('span', {}, el('i', { class: `zg-key zg-key-${each.split(':')[0]}` }), each.split(':')[1] ?? '')))
  const canvas = el('div', { class: 'zg-board-map', hidden: true })
  root.append(bar, el('div', { class: 'zg-board-main' }, side, el('div', { class: 'zg-board-chart' }, chart, legend)), canvas)

  const gantt = new Gantt(chart, {
    open: (order) => void open(order),
    refused: (why) => toast(why, 'warning', { title: '不能派到这里' }),
    drop: ({ order, row, from, to, kind }) => {
      const there = by === 'vehicle' ? { vehicle: row?.id } : { driver: row?.id }
      if (kind === 'place') void question({ order, act: order.state === 'requested' ? 'dispatch_urgently' : 'dispatch', ...there })
      else if (row && row.id !== order[by]) void question({ order, act: 'redispatch', ...there })
      else void question({ order, act: order.state === 'started' ? 'extend' : 'reschedule', from, to })
    },
  })

  function rows(): Row[] {
    if (!board) return []
    const all: Row[] =
      by === 'vehicle'
        ? board.vehicles.map((each) => ({ id: each.id, title: each.plate, note: `${each.body} ${each.seats} 座 · ${each.pool || each.unit}${each.rented ? ' · 租赁' : ''}`, off: each.off, seats: each.seats }))
        : board.drivers.map((each) => ({ id: each.id, title: each.name, note: each.unit, off: '', seats: 99 }))
    const word = filter.trim().toLowerCase()
    const bound = new Set(free.checked ? board.orders.filter((each) => each.state !== 'ended' && each.from <= board!.now && each.to > board!.now).map((each) => each[by]) : [])
    return all.filter((each) => (!word || `${each.title} ${each.note}`.toLowerCase().includes(word)) && (!free.checked || (!each.off && !bound.has(each.id))))
  }

  function draw(): void {
    if (!board) return
    const found = rows()
    gantt.show(board, found, by)
    chart.classList.toggle('zg-gantt-empty', found.length === 0)
    chart.dataset.empty = board.vehicles.length || board.drivers.length ? '没有符合条件的行' : '没有可调派的车辆和驾驶员'
    count.textContent = String(board.waiting.length)
    list.replaceChildren(...board.waiting.map(card))
    if (!board.waiting.length) list.append(el('p', { class: 'text-secondary m-0', text: '没有待派车的申请。' }))
    for (const [button, on] of [[byVehicle, by === 'vehicle'], [byDriver, by === 'driver'], [oneDay, span === 'day'], [oneWeek, span === 'week']] as const) button.setAttribute('aria-pressed', press(on))
    if (board.cut) state.textContent = '车辆较多，只显示前 600 辆，请选择单位。'
  }

  function card(order: Order): HTMLElement {
    const late = order.from < (board?.now ?? 0)
    const node = el(
      'article',
      { class: `zg-board-card${order.urgent ? ' zg-urgent' : ''}`, 'data-order': order.id, 'aria-label': `${order.code} ${order.destination}` },
      el('div', { class: 'zg-board-card-head' }, el('strong', { text: `${dayText(order.from)} ${clockText(order.from)}` }), el('span', { class: 'text-secondary', text: `至 ${dayText(order.from) === dayText(order.to) ? '' : `${dayText(order.to)} `}${clockText(order.to)}` }), late && el('span', { class: 'badge bg-red-lt', text: '已到时间' }), order.urgent && el('span', { class: 'badge bg-orange-lt', text: order.state === 'requested' ? '应急待审' : '应急' }), order.pooled && el('span', { class: 'badge bg-azure-lt', text: '转平台' })),
      el('div', { text: `${order.origin} → ${order.destination}` }),
      el('div', { class: 'text-secondary', text: `${order.unit} ${order.who} · ${order.persons} 人${order.body ? ` · ${order.body}` : ''}` }),
      el('div', { class: 'zg-board-card-foot' }, el('a', { href: config.order_url.replace('{id}', String(order.id)), text: order.code }), el('button', { type: 'button', class: 'btn btn-sm btn-primary', text: '派车', 'aria-label': `派车 ${order.code}`, onclick: () => void open(order) })),
    )
    gantt.take(node, order)
    return node
  }

  const open = (order: Order): Promise<void> =>
    order.state === 'ended'
      ? Promise.resolve(location.assign(config.order_url.replace('{id}', String(order.id))))
      : question({ order, act: order.state === 'approved' ? 'dispatch' : order.state === 'requested' ? 'dispatch_urgently' : order.state === 'started' ? 'extend' : order.host ? 'withdraw' : 'redispatch' })

  async function question(first: Ask): Promise<void> {
    if (asking) return
    asking = true
    await ask(first, { advice, send, orderUrl: (id) => config.order_url.replace('{id}', String(id)) })
    asking = false
    void load()
  }

  async function advice(order: number): Promise<Advice> {
    const response = await fetch(`${config.advice_url}?order=${order}`)
    if (!response.ok) throw new Error(String(response.status))
    return (await response.json()) as Advice
  }

  async function send(given: Ask, reason: string): Promise<void> {
    const { order } = given
    const made = await act(config.act_url, { act: given.act, order: order.id, version: order.version, vehicle: given.vehicle, driver: given.driver, from: given.from, to: given.to, host: given.host, reason })
    undoable(given, order, made)
    etag = ''
    void load()
  }

  /** What takes an act back, as far as a verb does: dispatching, another car, another time, taking back. */
  function undoable(given: Ask, before: Order, after: Order): void {
    const words: Record<string, string> = { dispatch: '已派车', dispatch_urgently: '已派车，请在期限内补办审批', redispatch: '已改派', reschedule: '已调整时间', extend: '已延时', withdraw: '已撤回派车', share: '已拼车' }
    const back: Partial<Record<string, Ask>> = {
      dispatch: { order: after, act: 'withdraw' },
      share: { order: after, act: 'withdraw' },
      redispatch: { order: after, act: 'redispatch', vehicle: before.vehicle, driver: before.driver },
      reschedule: { order: after, act: 'reschedule', from: before.from, to: before.to },
      extend: { order: after, act: 'extend', to: before.to },
      withdraw: before.host ? undefined : { order: after, act: 'dispatch', vehicle: before.vehicle, driver: before.driver },
    }
    const ask = back[given.act]
    if (ask) offer({ text: `${after.code} ${words[given.act] ?? '已办理'}`, ask, reason: '撤销刚才的操作' })
    else toast(`${after.code} ${words[given.act] ?? '已办理'}`, 'success')
  }

  let offered: HTMLElement | null = null
  function offer(undo: Undo): void {
    offered?.remove()
    const button = el('button', { type: 'button', class: 'btn btn-sm', text: '撤销' })
    const box = el('div', { class: 'zg-undo', role: 'status' }, el('span', { text: undo.text }), button, el('i', { class: 'zg-undo-time' }))
    offered = box
    const timer = setTimeout(() => box.remove(), UNDO_MS)
    button.addEventListener('click', () => {
      clearTimeout(timer)
      box.remove()
      const { ask: given } = undo
      act(config.act_url, { act: given.act, order: given.order.id, version: given.order.version, vehicle: given.vehicle, driver: given.driver, from: given.from, to: given.to, reason: undo.reason })
        .then(() => toast('已撤销', 'success'))
        .catch((refusal: unknown) => toast(refusal instanceof Refused ? refusal.message : '撤销没有成功。', 'warning', { title: '不能撤销' }))
        .finally(() => {
          etag = ''
          void load()
        })
    })
    document.body.append(box)
  }

  async function load(): Promise<void> {
    if (gantt.busy) return
    stop?.abort()
    stop = new AbortController()
    try {
      const response = await fetch(`${config.data_url}?day=${day}&span=${span}${unit ? `&unit=${unit}` : ''}`, { signal: stop.signal, headers: etag ? { 'If-None-Match': etag } : {}, cache: 'no-store' })
      if (response.status === 304) {
        state.textContent = `${clockText(Math.floor(Date.now() / 60_000))} 已是最新`
        return
      }
      if (!response.ok) throw new Error(String(response.status))
      const found = (await response.json()) as Board
      if (gantt.busy || asking) return
      etag = response.headers.get('ETag') ?? ''
      board = found
      state.textContent = `${clockText(board.now)} 更新`
      draw()
      root.dataset.loaded = '1'
    } catch (error) {
      if ((error as Error).name !== 'AbortError') state.textContent = '暂时取不到最新数据，稍后自动重试。'
    }
  }

  function fresh(): void {
    etag = ''
    void load()
  }
  function go(to: string): void {
    day = dayInput.value = to
    fresh()
  }
  function shift(step: number): void {
    const at = new Date(`${day}T00:00:00Z`)
    at.setUTCDate(at.getUTCDate() + step * (span === 'week' ? 7 : 1))
    go(at.toISOString().slice(0, 10))
  }
  function stretch(to: string): void {
    span = to
    memory.set('zg.board.span', to)
    fresh()
  }
  function turn(to: 'vehicle' | 'driver'): void {
    by = to
    memory.set('zg.board.by', to)
    draw()
  }

  async function showMap(): Promise<void> {
    canvas.hidden = !canvas.hidden
    mapButton.setAttribute('aria-pressed', press(!canvas.hidden))
    if (canvas.hidden || map) return
    const { makeMap, setData, FONT, palette } = await import('../shared/map')
    const shapes = async (): Promise<GeoJSON.FeatureCollection> => {
      const { cars } = (await (await fetch(config.free_url)).json()) as { cars: { id: number; plate: string; lat: number; lon: number; state: string }[] }
      return { type: 'FeatureCollection', features: cars.map((each) => ({ type: 'Feature', properties: each, geometry: { type: 'Point', coordinates: [each.lon, each.lat] } })) }
    }
    const first = await shapes()
    map = await makeMap(canvas, config.map, (made) => {
      const colours = palette()
      made.addSource('free', { type: 'geojson', data: first })
      made.addLayer({ id: 'free', type: 'circle', source: 'free', paint: { 'circle-radius': 6, 'circle-color': ['match', ['get', 'state'], 'offline', '#8a96a8', '#1d7a46'], 'circle-stroke-color': '#fff', 'circle-stroke-width': 1.5 } })
      made.addLayer({ id: 'free-name', type: 'symbol', source: 'free', minzoom: 10.5, layout: { 'text-field': ['get', 'plate'], 'text-font': FONT, 'text-size': 12, 'text-offset': [0, 1.2] }, paint: { 'text-color': colours.text, 'text-halo-color': colours.halo, 'text-halo-width': 1.5 } })
    })
    map.on('click', 'free', (event) => {
      const plate = String(event.features?.[0]?.properties.plate ?? '')
      search.value = filter = plate
      if (by !== 'vehicle') turn('vehicle')
      else draw()
      chart.scrollIntoView({ block: 'nearest' })
    })
    const timer = setInterval(() => void (!canvas.hidden && map && shapes().then((found) => map && setData(map, 'free', found))), 15_000)
    map.once('remove', () => clearInterval(timer))
  }

  dayInput.addEventListener('change', () => dayInput.value && go(dayInput.value))
  search.addEventListener('input', () => {
    filter = search.value
    draw()
  })
  units.addEventListener('change', () => {
    unit = units.value
    fresh()
  })
  free.addEventListener('change', draw)
  const timer = setInterval(() => document.visibilityState === 'visible' && !asking && void load(), config.refresh_seconds * 1000)
  void load()
  return () => {
    clearInterval(timer)
    stop?.abort()
    gantt.close()
    map?.remove()
    offered?.remove()
  }
}
