/** One vehicle-day on the map. Config and payload: README.md, "map-replay". */
import type { Feature, FeatureCollection, LineString, Point } from 'geojson'
import type { Map as MapLibre } from 'maplibre-gl'
import { el, icon } from '../shared/dom'
import { distanceText, durationText, minuteText, timeText } from '../shared/format'
import { addSymbol, type BaseMapConfig, FONT, makeMap, palette, setData } from '../shared/map'
import { addStateSymbols, defaultStates } from '../shared/vehicles'
import { speedClasses, timelineLanes, type Lane } from '../shared/lanes'

interface Replay {
  vehicle: { id: number | string; plate: string; organ?: string; kind?: string; href?: string }
  day: string
  points: { t: number[]; lat: number[]; lon: number[]; speed: number[] }
  trips: { id?: number | string; start: number; end: number; metres: number; driver?: string; title?: string; href?: string }[]
  stops: { start: number; end: number; lat: number; lon: number; name?: string; metres?: number }[]
  findings: { id: number | string; title: string; severity?: string; at: number; end?: number; lat?: number | null; lon?: number | null; href?: string; clause?: string }[]
  orders: { id: number | string; no: string; start: number; end: number; title?: string; state?: string; href?: string }[]
  /** Times outside duty of a vehicle with a holder: only whether it moved. */
  kept?: { start: number; end: number; moved: boolean }[]
}

interface Config extends BaseMapConfig {
  data_url?: string
  data?: Replay
  /** A longer silence breaks the line instead of drawing a straight one through the city. */
  gap_seconds?: number
}

const SPEEDS = [1, 10, 30, 60, 120, 300]

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const data = config.data ?? (await load(config.data_url ?? ''))
  const { t, lat, lon, speed } = data.points
  root.classList.add('zg-map', 'zg-replay')
  const kept = data.kept ?? []
  const keptText = (span: { start: number; end: number; moved: boolean }): string => `${minuteText(span.start)} 至 ${minuteText(span.end)}：${span.moved ? '有移动' : '未移动'}`
  if (!t.length && kept.length) {
    root.append(
      el(
        'div', { class: 'zg-empty' }, icon('eye-off', 'zg-empty-icon'), el('p', { class: 'zg-empty-title', text: '非工作时间的位置受隐私保护' }),
        ...kept.map((span) => el('p', { text: keptText(span) })),
        el('p', { text: '本车登记了固定使用人；确需查看的，在车辆页面办理“解除隐私保护”。' }),
      ),
    )
    return () => undefined
  }
  if (!t.length) {
    root.append(el('div', { class: 'zg-empty' }, icon('map-pin', 'zg-empty-icon'), el('p', { class: 'zg-empty-title', text: '当日没有定位数据' }), el('p', { text: '车辆未启动、终端离线或未安装终端时，没有轨迹可供回放。' })))
    return () => undefined
  }
  const gap = config.gap_seconds ?? 300
  const first = t[0]!
  const last = t[t.length - 1]!
  let now = clamp(Number(new URLSearchParams(location.hash.slice(1)).get('t')) || first)
  let playing = false
  let rate = 60
  let frame = 0
  let before = 0
  let map: MapLibre | null = null
  let follow = true

  function clamp(moment: number): number {
    return Math.min(last, Math.max(first, moment))
  }
  /** Index of the last point at or before the moment. */
  function indexAt(moment: number): number {
    let low = 0
    let high = t.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (t[middle]! <= moment) low = middle
      else high = middle - 1
    }
    return low
  }
  function placeAt(moment: number): { lon: number; lat: number; speed: number; heading: number; index: number } {
    const i = indexAt(moment)
    const j = Math.min(i + 1, t.length - 1)
    const span = t[j]! - t[i]!
    // Across a gap the place is unknown: stay at the last known point.
    const share = span > 0 && span <= gap ? (moment - t[i]!) / span : 0
    const heading = (Math.atan2((lon[j]! - lon[i]!) * Math.cos((lat[i]! * Math.PI) / 180), lat[j]! - lat[i]!) * 180) / Math.PI
    return { lon: lon[i]! + (lon[j]! - lon[i]!) * share, lat: lat[i]! + (lat[j]! - lat[i]!) * share, speed: speed[i]!, heading, index: i }
  }
  function track(): FeatureCollection<LineString> {
    const features: Feature<LineString>[] = []
    let open = null as Feature<LineString> | null
    for (let i = 1; i < t.length; i++) {
      if (t[i]! - t[i - 1]! > gap) {
        open = null
        continue
      }
      const grade = speedClasses.findIndex((one) => speed[i]! < one.below)
      if (open?.properties?.grade !== grade) {
        open = { type: 'Feature', properties: { grade }, geometry: { type: 'LineString', coordinates: [[lon[i - 1]!, lat[i - 1]!]] } }
        features.push(open)
      }
      open!.geometry.coordinates.push([lon[i]!, lat[i]!])
    }
    return { type: 'FeatureCollection', features }
  }
  const point = (longitude: number, latitude: number, properties: Record<string, unknown>): Feature<Point> => ({ type: 'Feature', properties, geometry: { type: 'Point', coordinates: [longitude, latitude] } })
  const located = data.findings.map((finding) => {
    const place = placeAt(clamp(finding.at))
    return { ...finding, lon: finding.lon ?? place.lon, lat: finding.lat ?? place.lat }
  })

  // Frame
  const canvas = el('div', { class: 'zg-map-canvas', role: 'region', 'aria-label': '轨迹图，右侧列表提供同样的内容' })
  const legend = el('ul', { class: 'zg-map-legend', 'aria-label': '速度图例' })
  for (const one of speedClasses) {
    const swatch = el('i', { 'aria-hidden': 'true' })
    swatch.style.background = one.colour
    legend.append(el('li', {}, swatch, one.title))
  }
  const events = el('ol', { class: 'zg-replay-events' })
  const side = el('aside', { class: 'zg-replay-side', 'aria-label': '当日事项' }, el('h2', { text: `${data.vehicle.plate} · ${data.day}` }), el('p', { text: [data.vehicle.organ, data.vehicle.kind].filter(Boolean).join(' · ') }), summary(), events)
  const play = el('button', { type: 'button', class: 'btn btn-primary btn-icon', 'aria-label': '播放' }, icon('player-play'))
  const rateSelect = el('select', { class: 'form-select', 'aria-label': '播放倍速' }, ...SPEEDS.map((value) => el('option', { value, text: `${value} 倍` })))
  rateSelect.value = String(rate)
  const clockText = el('output', { class: 'zg-replay-clock' })
  const speedText = el('output', { class: 'zg-replay-speed' })
  const scrub = el('input', { type: 'range', class: 'zg-replay-scrub', min: first, max: last, step: 1, 'aria-label': '时间' })
  const followBox = el('input', { type: 'checkbox', class: 'form-check-input', checked: true })
  const step = (by: number, text: string, symbol: string): HTMLButtonElement => el('button', { type: 'button', class: 'btn btn-icon', 'aria-label': text, title: text, onclick: () => seek(now + by) }, icon(symbol))
  const lanes: Lane[] = [
    { title: '派车单', kind: 'order', blocks: data.orders.map((order) => ({ start: order.start, end: order.end, title: `${order.no} ${order.title ?? ''}` })) },
    { title: '行程', kind: 'trip', blocks: data.trips.map((trip) => ({ start: trip.start, end: trip.end, title: `行程 ${distanceText(trip.metres)}` })) },
    { title: '停留', kind: 'stop', blocks: data.stops.map((stop) => ({ start: stop.start, end: stop.end, title: `停留 ${durationText(stop.end - stop.start)} ${stop.name ?? ''}` })) },
    { title: '问题', kind: 'finding', blocks: data.findings.map((finding) => ({ start: finding.at, end: finding.end ?? finding.at, title: finding.title })) },
  ]
  const strip = timelineLanes({ first, last, lanes, points: data.points, onSeek: (moment) => seek(moment) })
  const bar = el(
    'section',
    { class: 'zg-replay-bar', 'aria-label': '回放控制' },
    el(
      'div',
      { class: 'zg-replay-controls' },
      step(-60, '后退 1 分钟', 'player-skip-back'), play, step(60, '前进 1 分钟', 'player-skip-forward'), rateSelect, clockText, speedText,
      el('label', { class: 'form-check zg-replay-follow' }, followBox, el('span', { class: 'form-check-label', text: '跟随车辆' })),
    ),
    strip.element,
    scrub,
  )
  root.append(el('div', { class: 'zg-replay-stage' }, canvas, legend), side, bar)

  function summary(): HTMLElement {
    const metres = data.trips.reduce((sum, trip) => sum + trip.metres, 0)
    const fact = (name: string, value: string, bad = false): HTMLElement => el('div', { class: bad ? 'zg-bad' : '' }, el('dt', { text: name }), el('dd', { text: value }))
    return el('dl', { class: 'zg-replay-facts' }, fact('行程', `${data.trips.length} 次`), fact('里程', distanceText(metres)), fact('停留', `${data.stops.length} 处`), fact('问题', `${data.findings.length} 条`, data.findings.length > 0))
  }
  function fillEvents(): void {
    type Entry = { at: number; end?: number; kind: string; symbol: string; title: string; text: string; href?: string }
    const entries: Entry[] = [
      ...kept.map((span) => ({ at: span.start, end: span.end, kind: 'stop', symbol: 'eye-off', title: span.moved ? '非工作时间：有移动' : '非工作时间：未移动', text: '位置受隐私保护，不显示' })),
      ...data.orders.map((order) => ({ at: order.start, end: order.end, kind: 'order', symbol: 'clipboard-check', title: `派车单 ${order.no}`, text: [order.title, order.state].filter(Boolean).join(' · '), href: order.href })),
      ...data.trips.map((trip) => ({ at: trip.start, end: trip.end, kind: 'trip', symbol: 'route', title: `行程 ${distanceText(trip.metres)}`, text: [trip.title, trip.driver, durationText(trip.end - trip.start)].filter(Boolean).join(' · '), href: trip.href })),
      ...data.stops.map((stop) => ({ at: stop.start, end: stop.end, kind: 'stop', symbol: 'parking', title: `停留 ${durationText(stop.end - stop.start)}`, text: stop.name ?? `${stop.lon.toFixed(5)}, ${stop.lat.toFixed(5)}` })),
      ...data.findings.map((finding) => ({ at: finding.at, kind: 'finding', symbol: 'alert-triangle', title: finding.title, text: finding.clause ?? '', href: finding.href })),
    ]
    entries.sort((a, b) => a.at - b.at)
    events.replaceChildren(
      ...entries.map((entry) =>
        el(
          'li',
          { class: `zg-event-${entry.kind}`, 'data-at': entry.at },
          el('button', { type: 'button', onclick: () => seek(entry.at) }, icon(entry.symbol), el('span', {}, el('b', { text: entry.title }), el('time', { text: entry.end ? `${minuteText(entry.at)}–${minuteText(entry.end)}` : minuteText(entry.at) }), entry.text && el('small', { text: entry.text }))),
          entry.href && el('a', { href: entry.href, 'aria-label': `打开${entry.title}` }, icon('chevron-right')),
        ),
      ),
    )
    if (!entries.length) events.replaceChildren(el('li', { class: 'zg-empty', text: '当日没有行程、停留或问题' }))
  }

  function show(): void {
    const place = placeAt(now)
    clockText.textContent = timeText(now)
    speedText.textContent = `${Math.round(place.speed)} km/h`
    scrub.value = String(Math.round(now))
    scrub.setAttribute('aria-valuetext', `${timeText(now)}，${Math.round(place.speed)} 公里每小时`)
    strip.move(now)
    if (!map) return
    const moving = place.speed > 1
    setData(map, 'car', { type: 'FeatureCollection', features: [point(place.lon, place.lat, { state: moving ? 'moving' : 'idle', heading: moving ? place.heading : 0 })] })
    if (follow && (playing || !inView(place.lon, place.lat))) map.jumpTo({ center: [place.lon, place.lat] })
  }
  function inView(longitude: number, latitude: number): boolean {
    return Boolean(map?.getBounds().contains([longitude, latitude]))
  }
  function seek(moment: number): void {
    now = clamp(moment)
    history.replaceState(null, '', `#t=${Math.round(now)}`)
    show()
  }
  function setPlaying(on: boolean): void {
    playing = on
    play.replaceChildren(icon(on ? 'player-pause' : 'player-play'))
    play.setAttribute('aria-label', on ? '暂停' : '播放')
    cancelAnimationFrame(frame)
    if (!on) return
    if (now >= last) now = first
    before = performance.now()
    frame = requestAnimationFrame(tick)
  }
  function tick(at: number): void {
    now = clamp(now + ((at - before) / 1000) * rate)
    before = at
    show()
    if (now >= last) setPlaying(false)
    else frame = requestAnimationFrame(tick)
  }
  play.addEventListener('click', () => setPlaying(!playing))
  rateSelect.addEventListener('change', () => (rate = Number(rateSelect.value)))
  scrub.addEventListener('input', () => seek(Number(scrub.value)))
  followBox.addEventListener('change', () => (follow = followBox.checked))
  root.addEventListener('keydown', (event) => {
    if (event.key !== ' ' || (event.target as HTMLElement).matches('button,input,select,a')) return
    event.preventDefault()
    setPlaying(!playing)
  })
  fillEvents()

  const lons = [Math.min(...sample(lon)), Math.max(...sample(lon))] as const
  const lats = [Math.min(...sample(lat)), Math.max(...sample(lat))] as const
  const margin = Math.max(0.004, (lons[1] - lons[0]) * 0.08)
  map = await makeMap(canvas, { ...config, bounds: [lons[0] - margin, lats[0] - margin, lons[1] + margin, lats[1] + margin] }, (made) => {
    const colours = palette()
    addStateSymbols(made, defaultStates)
    addSymbol(made, 'stop', 22, (pen, size) => badge(pen, size, '#5b6b80', 'P'))
    addSymbol(made, 'start', 22, (pen, size) => badge(pen, size, '#2b8a57', '起'))
    addSymbol(made, 'end', 22, (pen, size) => badge(pen, size, '#12294a', '终'))
    const lines = track()
    made.addSource('track', { type: 'geojson', data: lines })
    made.addLayer({ id: 'track-case', type: 'line', source: 'track', layout: { 'line-cap': 'round', 'line-join': 'round' }, paint: { 'line-color': colours.halo, 'line-width': 7 } })
    made.addLayer({ id: 'track', type: 'line', source: 'track', layout: { 'line-cap': 'round', 'line-join': 'round' }, paint: { 'line-width': 4, 'line-color': ['match', ['get', 'grade'], ...speedClasses.flatMap((one, index) => [index, one.colour]), '#888'] as never } })
    made.addSource('marks', {
      type: 'geojson',
      data: {
        type: 'FeatureCollection',
        features: [
          ...data.stops.map((stop) => point(stop.lon, stop.lat, { symbol: 'stop', at: stop.start, text: durationText(stop.end - stop.start) })),
          point(lon[0]!, lat[0]!, { symbol: 'start', at: first, text: '' }),
          point(lon[lon.length - 1]!, lat[lat.length - 1]!, { symbol: 'end', at: last, text: '' }),
          ...located.map((finding) => point(finding.lon, finding.lat, { symbol: 'state-alarm', at: finding.at, text: finding.title })),
        ],
      },
    })
    made.addLayer({ id: 'marks', type: 'symbol', source: 'marks', layout: { 'icon-image': ['get', 'symbol'], 'icon-allow-overlap': true, 'text-field': ['get', 'text'], 'text-font': FONT, 'text-size': 12, 'text-offset': [0, 1.4], 'text-optional': true }, paint: { 'text-color': colours.text, 'text-halo-color': colours.halo, 'text-halo-width': 1.5 } })
    made.addSource('car', { type: 'geojson', data: { type: 'FeatureCollection', features: [] } })
    made.addLayer({ id: 'car-ring', type: 'circle', source: 'car', paint: { 'circle-radius': 17, 'circle-color': 'rgba(217,166,72,0.3)', 'circle-stroke-color': '#d9a648', 'circle-stroke-width': 2.5 } })
    made.addLayer({ id: 'car', type: 'symbol', source: 'car', layout: { 'icon-image': ['concat', 'state-', ['get', 'state']], 'icon-rotate': ['get', 'heading'], 'icon-rotation-alignment': 'map', 'icon-allow-overlap': true } })
  })
  const recolour = (): void => {
    const colours = palette()
    map?.setPaintProperty('track-case', 'line-color', colours.halo)
    map?.setPaintProperty('marks', 'text-color', colours.text)
    map?.setPaintProperty('marks', 'text-halo-color', colours.halo)
    strip.redraw()
  }
  document.addEventListener('zg:theme', recolour)
  map.on('click', 'marks', (event) => seek(Number(event.features?.[0]?.properties.at)))
  map.on('click', 'track', (event) => seek(nearest(event.lngLat.lng, event.lngLat.lat)))
  for (const layer of ['marks', 'track']) {
    map.on('mouseenter', layer, () => map && (map.getCanvas().style.cursor = 'pointer'))
    map.on('mouseleave', layer, () => map && (map.getCanvas().style.cursor = ''))
  }
  function nearest(longitude: number, latitude: number): number {
    let best = 0
    let least = Infinity
    for (let i = 0; i < t.length; i++) {
      const away = (lon[i]! - longitude) ** 2 + (lat[i]! - latitude) ** 2
      if (away < least) {
        least = away
        best = i
      }
    }
    return t[best]!
  }
  show()
  return () => {
    setPlaying(false)
    document.removeEventListener('zg:theme', recolour)
    map?.remove()
  }
}

/** Keeps spread arguments small on long days. */
function sample(values: number[]): number[] {
  const every = Math.ceil(values.length / 20000)
  return every > 1 ? values.filter((_, index) => index % every === 0) : values
}

function badge(pen: CanvasRenderingContext2D, size: number, colour: string, text: string): void {
  pen.beginPath()
  pen.arc(size / 2, size / 2, size / 2 - 2, 0, Math.PI * 2)
  pen.fillStyle = colour
  pen.fill()
  pen.lineWidth = 2
  pen.strokeStyle = '#fff'
  pen.stroke()
  pen.fillStyle = '#fff'
  pen.font = "600 11px 'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif"
  pen.textAlign = 'center'
  pen.textBaseline = 'middle'
  pen.fillText(text, size / 2, size / 2 + 0.5)
}

async function load(url: string): Promise<Replay> {
  const response = await fetch(url, { headers: { Accept: 'application/json' } })
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return (await response.json()) as Replay
}
