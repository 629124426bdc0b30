/** Live vehicles on the district map. Config and payloads: README.md, "map-live". */
import type { FeatureCollection, Point } from 'geojson'
import { type ExpressionSpecification, type Map as MapLibre, MercatorCoordinate } from 'maplibre-gl'
import { type Car, CarLayer, grouped } from '../shared/cars'
import { el, icon } from '../shared/dom'
import { headingText, numberText, timeText } from '../shared/format'
import { liveText, openLive, type LiveState } from '../shared/live'
import { type BaseMapConfig, FONT, makeMap, palette, setData, TILED_TO } from '../shared/map'
import { addStateSymbols, defaultStates, type VehicleState } from '../shared/vehicles'

/** Place, speed and heading are null where privacy outside duty hours keeps them. */
type Row = [id: number | string, lat: number | null, lon: number | null, speed: number | null, heading: number | null, state: string, plate?: string | null, organ?: number | string | null, at?: number | null]

interface Payload {
  type: 'snapshot' | 'delta'
  at: string
  vehicles: Row[]
  removed?: (number | string)[]
}

interface Config extends BaseMapConfig {
  stream_url?: string
  poll_url?: string
  poll_seconds?: number
  organs?: { id: number | string; name: string }[]
  states?: VehicleState[]
  /** Addresses with {id}. */
  vehicle_url?: string
  replay_url?: string
  organ_id?: number | string
  cluster?: boolean
}

interface Vehicle {
  id: string
  lat: number | null
  lon: number | null
  speed: number
  heading: number
  state: string
  plate: string
  organ: string
  at: number | null
}

const mercatorY = (lat: number): number => 0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI)
const DRAW_EVERY_MS = 1000
/** From this zoom on every car is drawn by itself. */
const GROUPED_BELOW = 12
const PLATES_FROM = 13
/** Plates written at once, those nearest to the middle: more would cover each other and slow the picture down. */
const PLATES_LIMIT = 150
const LIST_LIMIT = 150

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const states = config.states ?? defaultStates
  const organs = new Map((config.organs ?? []).map((organ) => [String(organ.id), organ.name]))
  const vehicles = new Map<string, Vehicle>()
  const shown = new Set(states.map((state) => state.code))
  let organ = config.organ_id === undefined ? '' : String(config.organ_id)
  let words = ''
  let selected: string | null = null
  let following = false
  let changed = false
  let map: MapLibre | null = null
  let feedAt = ''

  // Panel
  const search = el('input', { type: 'search', class: 'form-control', placeholder: '车牌或单位', 'aria-label': '查找车辆', autocomplete: 'off' })
  const organSelect = el('select', { class: 'form-select', 'aria-label': '所属单位' }, el('option', { value: '', text: '全部单位' }))
  for (const [id, name] of organs) organSelect.append(el('option', { value: id, text: name }))
  organSelect.value = organ
  const chips = el('div', { class: 'zg-map-chips', role: 'group', 'aria-label': '车辆状态' })
  const counts = new Map<string, HTMLElement>()
  for (const state of states) {
    const count = el('b', { text: '0' })
    counts.set(state.code, count)
    const swatch = el('i', { class: 'zg-map-swatch', 'aria-hidden': 'true' })
    swatch.style.background = state.colour
    const chip = el('button', { type: 'button', class: 'zg-map-chip', 'aria-pressed': 'true' }, swatch, state.title, count)
    chip.addEventListener('click', () => {
      const on = !shown.delete(state.code)
      if (on) shown.add(state.code)
      chip.setAttribute('aria-pressed', String(on))
      touch()
    })
    chips.append(chip)
  }
  const list = el('ul', { class: 'zg-map-list', 'aria-label': '车辆列表' })
  const more = el('p', { class: 'zg-map-more' })
  const status = el('span', { class: 'zg-map-status', role: 'status' })
  const toggle = el('button', { type: 'button', class: 'zg-icon-btn zg-map-toggle', 'aria-label': '收起或展开列表', 'aria-expanded': 'true' }, icon('list'))
  const panel = el('section', { class: 'zg-map-panel', 'aria-label': '车辆筛选与列表' }, el('div', { class: 'zg-map-panel-head' }, status, toggle), el('div', { class: 'zg-map-panel-body' }, search, organSelect, chips, list, more))
  const card = el('section', { class: 'zg-map-card', 'aria-label': '选中车辆', hidden: true })
  const canvas = el('div', { class: 'zg-map-canvas', role: 'region', 'aria-label': '车辆实时位置图，左侧列表提供同样的内容' })
  root.append(canvas, panel, card)
  root.classList.add('zg-map')

  const fold = (closed: boolean): void => {
    panel.classList.toggle('zg-folded', closed)
    toggle.setAttribute('aria-expanded', String(!closed))
  }
  toggle.addEventListener('click', () => {
    fold(!panel.classList.contains('zg-folded'))
    touch()
  })
  if (matchMedia('(max-width: 767px)').matches) fold(true)

  const passes = (vehicle: Vehicle): boolean => {
    if (organ && vehicle.organ !== organ) return false
    if (!words) return true
    return vehicle.plate.toLowerCase().includes(words) || (organs.get(vehicle.organ) ?? '').includes(words)
  }
  const titleOf = (code: string): string => states.find((state) => state.code === code)?.title ?? code
  const touch = (): void => {
    changed = true
    draw()
  }
  const link = (template: string | undefined, id: string): string | null => (template ? template.replace('{id}', encodeURIComponent(id)) : null)

  function receive(payload: Payload): void {
    if (payload.type === 'snapshot') {
      const kept = new Set(payload.vehicles.map((row) => String(row[0])))
      for (const id of vehicles.keys()) if (!kept.has(id)) vehicles.delete(id)
    }
    for (const [key, lat, lon, speed, heading, state, plate, organId, at] of payload.vehicles) {
      const id = String(key)
      const old = vehicles.get(id)
      vehicles.set(id, {
        id, lat, lon, speed: speed ?? 0, heading: heading ?? 0, state,
        plate: plate ?? old?.plate ?? id,
        organ: organId === null || organId === undefined ? (old?.organ ?? '') : String(organId),
        at: at ?? Date.parse(payload.at) / 1000,
      })
    }
    for (const id of payload.removed ?? []) vehicles.delete(String(id))
    feedAt = payload.at
    changed = true
    // Events come about once a second: what they say is drawn with the next frame, not a second later.
    if (!document.hidden) requestAnimationFrame(draw)
  }

  interface Line {
    item: HTMLLIElement
    button: HTMLButtonElement
    dot: HTMLElement
    plate: HTMLElement
    organ: HTMLElement
    value: HTMLElement
  }
  const lines = new Map<string, Line>()
  const setText = (node: HTMLElement, text: string): void => {
    if (node.textContent !== text) node.textContent = text
  }
  function newLine(id: string): Line {
    const dot = el('i', { class: 'zg-map-swatch', 'aria-hidden': 'true' })
    const plate = el('b')
    const organ = el('small')
    const value = el('em')
    const button = el('button', { type: 'button', 'data-id': id, onclick: () => select(id, true) }, dot, el('span', {}, plate, organ), value)
    const line = { item: el('li', {}, button), button, dot, plate, organ, value }
    lines.set(id, line)
    return line
  }

  function drawList(rows: Vehicle[]): void {
    const order = new Map(states.map((state, index) => [state.code, index]))
    rows.sort((a, b) => (order.get(a.state) ?? 9) - (order.get(b.state) ?? 9) || (a.plate < b.plate ? -1 : a.plate > b.plate ? 1 : 0))
    // Rows are kept and only their words change: a row that is replaced between press and release loses the click.
    const kept = new Set<string>()
    rows.slice(0, LIST_LIMIT).forEach((vehicle, index) => {
      const line = lines.get(vehicle.id) ?? newLine(vehicle.id)
      kept.add(vehicle.id)
      line.dot.style.background = states.find((known) => known.code === vehicle.state)?.colour ?? '#888'
      setText(line.plate, vehicle.plate)
      setText(line.organ, organs.get(vehicle.organ) ?? '')
      setText(line.value, vehicle.state === 'moving' || vehicle.speed > 0 ? `${Math.round(vehicle.speed)} km/h` : titleOf(vehicle.state))
      line.button.setAttribute('aria-pressed', String(vehicle.id === selected))
      if (list.children[index] !== line.item) list.insertBefore(line.item, list.children[index] ?? null)
    })
    for (const [id, line] of lines) {
      if (kept.has(id)) continue
      line.item.remove()
      lines.delete(id)
    }
    more.textContent = rows.length > LIST_LIMIT ? `仅列出前 ${LIST_LIMIT} 辆，共 ${numberText(rows.length)} 辆，请用筛选缩小范围` : rows.length ? `共 ${numberText(rows.length)} 辆` : '没有符合条件的车辆'
  }

  const title = el('h2')
  const badge = el('span')
  const facts = ['所属单位', '速度', '方向', '定位时间', '坐标'].map((name) => [el('dt', { text: name }), el('dd')] as const)
  const followText = el('span')
  const followButton = el('button', { type: 'button', 'data-act': 'follow', onclick: () => follow(!following) }, icon('current-location'), followText)
  const replayLink = el('a', { class: 'btn btn-sm' }, icon('route'), '今日轨迹')
  const detailLink = el('a', { class: 'btn btn-sm' }, icon('car'), '车辆详情')
  card.append(
    el('header', {}, title, badge, el('button', { type: 'button', class: 'btn-close', 'aria-label': '关闭', onclick: () => select(null) })),
    el('dl', {}, ...facts.map(([name, value]) => el('div', {}, name, value))),
    el('div', { class: 'btn-list' }, followButton, replayLink, detailLink),
  )

  function drawCard(): void {
    const vehicle = selected === null ? undefined : vehicles.get(selected)
    card.hidden = !vehicle
    if (!vehicle) return
    setText(title, vehicle.plate)
    badge.className = `zg-state zg-map-state-${vehicle.state}`
    setText(badge, titleOf(vehicle.state))
    const placed = vehicle.lat !== null && vehicle.lon !== null
    const values = [
      organs.get(vehicle.organ) ?? '—',
      placed ? `${numberText(Math.round(vehicle.speed))} km/h` : '非工作时间不显示',
      placed ? headingText(vehicle.heading) : '非工作时间不显示',
      vehicle.at ? timeText(vehicle.at) : '—',
      placed ? `${vehicle.lon!.toFixed(5)}, ${vehicle.lat!.toFixed(5)}` : '非工作时间不显示',
    ]
    followButton.hidden = !placed
    facts.forEach(([, node], index) => setText(node, values[index] ?? ''))
    followButton.className = `btn btn-sm ${following ? 'btn-primary' : ''}`
    followButton.setAttribute('aria-pressed', String(following))
    setText(followText, following ? '取消跟随' : '跟随')
    for (const [node, template] of [[replayLink, config.replay_url], [detailLink, config.vehicle_url]] as const) {
      const href = link(template, vehicle.id)
      node.hidden = !href
      if (href) node.href = href
    }
  }

  const codes = new Map(states.map((state, index) => [state.code, index]))
  const layer = new CarLayer('cars', states)
  const point = (x: number, y: number, properties: Record<string, unknown>): FeatureCollection<Point>['features'][number] => {
    const { lng, lat } = new MercatorCoordinate(x, y).toLngLat()
    return { type: 'Feature', geometry: { type: 'Point', coordinates: [lng, lat] }, properties }
  }
  let cars: Car[] = []
  function drawCars(visible: Vehicle[]): void {
    cars = []
    for (const vehicle of visible) {
      if (vehicle.id === selected || vehicle.lat === null || vehicle.lon === null) continue
      cars.push({ id: vehicle.id, x: (vehicle.lon + 180) / 360, y: mercatorY(vehicle.lat), heading: vehicle.state === 'moving' ? vehicle.heading : 0, state: codes.get(vehicle.state) ?? 0 })
    }
    drawGroups()
  }
  /** The cars in view, those nearest to the middle first. */
  function nearest(shownBy: MapLibre, most: number): Car[] {
    const bounds = shownBy.getBounds()
    const low = MercatorCoordinate.fromLngLat(bounds.getNorthWest())
    const high = MercatorCoordinate.fromLngLat(bounds.getSouthEast())
    const middle = MercatorCoordinate.fromLngLat(shownBy.getCenter())
    const inView = cars.filter((car) => car.x >= low.x && car.x <= high.x && car.y >= low.y && car.y <= high.y)
    if (inView.length <= most) return inView
    const far = (car: Car): number => (car.x - middle.x) ** 2 + (car.y - middle.y) ** 2
    return inView.sort((a, b) => far(a) - far(b)).slice(0, most)
  }
  function drawGroups(): void {
    if (!map) return
    const zoom = map.getZoom()
    const together = (config.cluster ?? true) && zoom < GROUPED_BELOW
    const alarm = codes.get('alarm')
    const { groups, alone } = together ? grouped(cars, Math.floor(zoom * 2) / 2, (state) => state === alarm) : { groups: [], alone: cars }
    setData(map, 'groups', { type: 'FeatureCollection', features: groups.map((group) => point(group.x, group.y, { count: group.count, alarms: group.alarms })) })
    layer.show(alone)
    const named = zoom < PLATES_FROM ? [] : nearest(map, PLATES_LIMIT)
    setData(map, 'plates', { type: 'FeatureCollection', features: named.map((car) => point(car.x, car.y, { plate: vehicles.get(car.id)?.plate ?? '' })) })
  }

  function draw(): void {
    if (!changed) return
    changed = false
    const matching = [...vehicles.values()].filter(passes)
    const tally = new Map<string, number>()
    for (const vehicle of matching) tally.set(vehicle.state, (tally.get(vehicle.state) ?? 0) + 1)
    for (const [code, count] of counts) {
      count.textContent = numberText(tally.get(code) ?? 0)
      // Most fleets have no protected car on the road: these states take up room only where there are any.
      if (code.startsWith('kept_')) (count.parentElement as HTMLElement).hidden = !tally.get(code)
    }
    const visible = matching.filter((vehicle) => shown.has(vehicle.state))
    if (!panel.classList.contains('zg-folded')) drawList(visible)
    drawCard()
    if (!map) return
    drawCars(visible)
    const chosen = selected === null ? undefined : vehicles.get(selected)
    setData(map, 'selected', {
      type: 'FeatureCollection',
      features: chosen && chosen.lat !== null && chosen.lon !== null ? [{ type: 'Feature', geometry: { type: 'Point', coordinates: [chosen.lon, chosen.lat] }, properties: { state: chosen.state, heading: chosen.state === 'moving' ? chosen.heading : 0, plate: chosen.plate } }] : [],
    })
    // Tests and the benchmark read here what the picture shows.
    root.dataset.cars = String(visible.length)
    root.dataset.drawn = String(visible.reduce((newest, vehicle) => Math.max(newest, vehicle.at ?? 0), 0))
    if (following && chosen && chosen.lat !== null && chosen.lon !== null) map.easeTo({ center: [chosen.lon, chosen.lat], duration: 600 })
  }

  function select(id: string | null, fly = false): void {
    selected = id
    if (id === null) following = false
    const vehicle = id === null ? undefined : vehicles.get(id)
    if (vehicle && vehicle.lat !== null && vehicle.lon !== null && fly && map) map.easeTo({ center: [vehicle.lon, vehicle.lat], zoom: Math.max(map.getZoom(), 13), duration: 500 })
    touch()
  }
  function follow(on: boolean): void {
    following = on
    touch()
  }

  search.addEventListener('input', () => {
    words = search.value.trim().toLowerCase()
    touch()
  })
  organSelect.addEventListener('change', () => {
    organ = organSelect.value
    touch()
  })

  let state: LiveState = 'connecting'
  const stop = openLive<Payload>({
    streamUrl: config.stream_url,
    pollUrl: config.poll_url,
    pollSeconds: config.poll_seconds,
    onData: receive,
    onState: (next) => {
      state = next
      showState()
    },
  })
  function showState(): void {
    status.dataset.state = state
    const text = `${liveText[state]}${feedAt ? ` · ${timeText(feedAt)}` : ''}`
    if (status.textContent !== text) status.textContent = text
  }
  changed = true
  const timer = window.setInterval(() => {
    if (document.hidden) return
    showState()
    draw()
  }, DRAW_EVERY_MS)
  draw()

  const symbol = ['concat', 'state-', ['get', 'state']] as ExpressionSpecification
  const recolour = (): void => {
    const colours = palette()
    for (const layer of ['plates', 'selected-car']) {
      map?.setPaintProperty(layer, 'text-color', colours.text)
      map?.setPaintProperty(layer, 'text-halo-color', colours.halo)
    }
  }
  const addLayers = (made: MapLibre): void => {
    const colours = palette()
    addStateSymbols(made, states)
    for (const name of ['groups', 'plates', 'selected']) made.addSource(name, { type: 'geojson', maxzoom: TILED_TO, data: { type: 'FeatureCollection', features: [] } })
    made.addLayer({
      id: 'groups',
      type: 'circle',
      source: 'groups',
      paint: {
        'circle-color': '#1b4f99',
        'circle-opacity': 0.92,
        'circle-radius': ['interpolate', ['linear'], ['get', 'count'], 2, 12, 50, 18, 500, 26, 5000, 36],
        // A red ring says that an alarm is inside.
        'circle-stroke-width': ['case', ['>', ['get', 'alarms'], 0], 4, 3],
        'circle-stroke-color': ['case', ['>', ['get', 'alarms'], 0], '#d3382d', 'rgba(255,255,255,0.75)'],
      },
    })
    made.addLayer({ id: 'group-count', type: 'symbol', source: 'groups', layout: { 'text-field': ['to-string', ['get', 'count']], 'text-font': FONT, 'text-size': 12, 'text-allow-overlap': true }, paint: { 'text-color': '#fff' } })
    made.addLayer(layer)
    made.addLayer({
      id: 'plates',
      type: 'symbol',
      source: 'plates',
      layout: { 'text-field': ['get', 'plate'], 'text-font': FONT, 'text-size': 12, 'text-offset': [0, 1.4] },
      paint: { 'text-color': colours.text, 'text-halo-color': colours.halo, 'text-halo-width': 1.5 },
    })
    made.addLayer({ id: 'selected-ring', type: 'circle', source: 'selected', paint: { 'circle-radius': 20, 'circle-color': 'rgba(217,166,72,0.25)', 'circle-stroke-color': '#d9a648', 'circle-stroke-width': 3 } })
    made.addLayer({
      id: 'selected-car',
      type: 'symbol',
      source: 'selected',
      layout: { 'icon-image': symbol, 'icon-rotate': ['get', 'heading'], 'icon-allow-overlap': true, 'text-field': ['get', 'plate'], 'text-font': FONT, 'text-size': 13, 'text-offset': [0, 2], 'text-allow-overlap': true },
      paint: { 'text-color': colours.text, 'text-halo-color': colours.halo, 'text-halo-width': 1.5 },
    })
  }
  try {
    map = await makeMap(canvas, { ...config, reserve_left: panel.classList.contains('zg-folded') ? 0 : panel.offsetWidth }, addLayers)
  } catch (error) {
    // Without WebGL or shapes the list still works; it must not go down with the picture.
    console.error('map-live', error)
    root.append(el('p', { class: 'zg-map-failed', role: 'alert', text: '地图没有加载成功（浏览器可能未启用图形加速），左侧列表可正常使用。' }))
    return () => {
      clearInterval(timer)
      stop()
    }
  }
  touch()
  document.addEventListener('zg:theme', recolour)
  map.on('moveend', drawGroups)
  map.on('click', (event) => {
    const car = layer.at(event.point)
    if (car !== null) return select(car)
    const group = map?.queryRenderedFeatures(event.point, { layers: ['groups'] })[0]
    if (group && map) map.easeTo({ center: (group.geometry as Point).coordinates as [number, number], zoom: map.getZoom() + 2 })
  })
  map.on('mousemove', (event) => {
    if (!map || map.isMoving()) return
    const over = layer.at(event.point) !== null || map.queryRenderedFeatures(event.point, { layers: ['groups'] }).length > 0
    map.getCanvas().style.cursor = over ? 'pointer' : ''
  })
  map.on('dragstart', () => following && follow(false))

  return () => {
    clearInterval(timer)
    stop()
    document.removeEventListener('zg:theme', recolour)
    map?.remove()
  }
}
