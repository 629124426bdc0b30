/** Drawing an area: a polygon corner by corner, holes in it, or a circle. Writes GeoJSON into its text field. */
import type { Feature, FeatureCollection, Position } from 'geojson'
import type { Map as MapLibre, MapMouseEvent, MapTouchEvent } from 'maplibre-gl'
import { el, icon } from '../shared/dom'
import { addFenceLayers, circleRing, EMPTY, type Fence, metresBetween, readFence } from '../shared/fence'
import { type BaseMapConfig, boundsOf, makeMap, setData } from '../shared/map'

type Mode = 'move' | 'polygon' | 'hole' | 'circle'

interface Config {
  map: BaseMapConfig
  /** Only a circle can be drawn. */
  circle?: boolean
}

const NEAR_PX = 12
const round = (value: number): number => Math.round(value * 1e6) / 1e6

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const area = root.querySelector('textarea')
  if (!area) return () => undefined
  const bad = area.classList.contains('is-invalid')
  let rings: Position[][] = [] // closed ones without the repeated corner: the outer border first, then the holes
  let open: Position[] = []
  let circle: { center: Position; radius: number } | null = null
  let mode: Mode = 'move'
  let dragged: { ring: number; corner: number } | null = null

  const read = (): void => {
    const fence = readFence(area.value)
    rings = fence?.type === 'Polygon' ? fence.coordinates.map((ring) => ring.slice(0, -1)) : []
    circle = fence?.type === 'Circle' ? { center: fence.center, radius: fence.radius_m } : null
    open = []
  }
  read()

  const status = el('p', { class: 'zg-fence-status', role: 'status' })
  const refused = bad ? (document.getElementById(`${area.id}_error`)?.textContent?.trim() ?? '') : ''
  const buttons = new Map<Mode, HTMLButtonElement>()
  const words: [Mode, string, string][] = [['polygon', 'pencil', '画边界'], ['hole', 'circle-minus', '挖内孔'], ['circle', 'circle-dot', '画圆'], ['move', 'current-location', '调整']]
  const first: Mode = config.circle ? 'circle' : 'polygon'
  for (const [code, symbol, title] of words.filter(([code]) => !config.circle || code === 'circle' || code === 'move')) {
    buttons.set(code, el('button', { type: 'button', class: 'btn', 'data-mode': code, 'aria-pressed': 'false', onclick: () => choose(code) }, icon(symbol), title))
  }
  const undo = el('button', { type: 'button', class: 'btn', onclick: () => stepBack() }, icon('arrow-back-up'), '退一步')
  const clear = el('button', { type: 'button', class: 'btn', onclick: () => wipe() }, icon('trash'), '清除')
  const radius = el('input', { type: 'number', class: 'form-control', min: 1, max: 200000, step: 1, 'aria-label': '圆的半径（米）' })
  const radiusBox = el('label', { class: 'zg-fence-radius', hidden: true }, '半径（米）', radius)
  const canvas = el('div', { class: 'zg-map-canvas zg-fence-map', role: 'application', 'aria-label': '绘制范围的地图，也可以在下方以文本填写' })
  const details = el('details', { class: 'zg-fence-text' }, el('summary', { text: '以文本查看或粘贴（GeoJSON）' }))
  root.prepend(el('div', { class: 'zg-fence-tools', role: 'group', 'aria-label': '绘制工具' }, ...buttons.values(), undo, clear, radiusBox), status, canvas, details)
  details.append(area)
  if (refused) status.before(el('p', { class: 'text-danger mt-2 mb-0', text: refused }))

  let map: MapLibre | null = null
  const fence = (): Fence | null => {
    if (circle) return { type: 'Circle', center: [round(circle.center[0]!), round(circle.center[1]!)], radius_m: Math.max(1, Math.round(circle.radius)) }
    if (!rings.length) return null
    return { type: 'Polygon', coordinates: rings.map((ring) => [...ring, ring[0]!].map(([lon = 0, lat = 0]) => [round(lon), round(lat)])) }
  }
  const write = (): void => {
    const found = fence()
    area.value = found ? JSON.stringify(found) : ''
    area.dispatchEvent(new Event('change', { bubbles: true }))
  }
  const picture = (): FeatureCollection => {
    const features: Feature[] = []
    if (circle) {
      features.push({ type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [circleRing(circle.center, circle.radius)] } })
      features.push({ type: 'Feature', properties: { kind: 'centre' }, geometry: { type: 'Point', coordinates: circle.center } })
    } else if (rings.length) {
      features.push({ type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: rings.map((ring) => [...ring, ring[0]!]) } })
    }
    // A border that crosses itself has no surface to fill: its line must be seen all the same.
    for (const ring of rings) features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: [...ring, ring[0]!] } })
    if (open.length > 1) features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: open } })
    for (const corner of [...rings.flat(), ...open]) features.push({ type: 'Feature', properties: { kind: 'corner' }, geometry: { type: 'Point', coordinates: corner } })
    return { type: 'FeatureCollection', features }
  }
  const say = (): void => {
    if (mode === 'polygon' || mode === 'hole') status.textContent = open.length ? `已点 ${open.length} 个点，点回第一个点完成（至少 3 个点）。` : mode === 'hole' ? '在范围内逐点点出内孔的边界。' : '在地图上逐点点出外边界。'
    else if (mode === 'circle') status.textContent = circle ? '再点一次改变半径，或填写半径。' : '先点圆心，再点圆上任意一点。'
    else if (circle) status.textContent = `圆，半径 ${Math.round(circle.radius)} 米。`
    else if (rings.length) status.textContent = `外边界 ${rings[0]!.length} 个点${rings.length > 1 ? `，内孔 ${rings.length - 1} 个` : ''}；拖动各点可以调整。`
    else status.textContent = config.circle ? '还没有画圆。' : '还没有画范围：选“画边界”或“画圆”。'
    for (const [code, button] of buttons) {
      button.classList.toggle('btn-primary', code === mode)
      button.setAttribute('aria-pressed', String(code === mode))
    }
    const hole = buttons.get('hole')
    if (hole) hole.disabled = !rings.length
    undo.disabled = !open.length && !rings.length && !circle
    clear.disabled = undo.disabled
    radiusBox.hidden = !circle
    if (circle && document.activeElement !== radius) radius.value = String(Math.round(circle.radius))
  }
  const draw = (): void => {
    if (map) setData(map, 'fence', picture())
    canvas.dataset.corners = String(rings.flat().length + open.length)
    say()
  }
  function choose(next: Mode): void {
    mode = next
    open = []
    if (map) map.getCanvas().style.cursor = next === 'move' ? '' : 'crosshair'
    draw()
  }
  function stepBack(): void {
    if (open.length) open.pop()
    else if (circle) circle = null
    else rings.pop()
    write()
    draw()
  }
  function wipe(): void {
    rings = []
    open = []
    circle = null
    write()
    choose(first)
  }
  function close(): void {
    if (mode === 'polygon') {
      rings = [open]
      circle = null
    } else rings.push(open)
    open = []
    mode = 'move'
    if (map) map.getCanvas().style.cursor = ''
    write()
    draw()
  }
  const near = (corner: Position, at: { x: number; y: number }): boolean => {
    if (!map) return false
    const point = map.project([corner[0]!, corner[1]!])
    return Math.hypot(point.x - at.x, point.y - at.y) <= NEAR_PX
  }
  function click(event: MapMouseEvent): void {
    const at: Position = [event.lngLat.lng, event.lngLat.lat]
    if (mode === 'circle') {
      rings = []
      circle = circle ? { center: circle.center, radius: Math.max(1, metresBetween(circle.center, at)) } : { center: at, radius: 500 }
      write()
      draw()
    } else if (mode !== 'move') {
      if (open.length >= 3 && near(open[0]!, event.point)) return close()
      if (open.length && near(open[open.length - 1]!, event.point)) return
      open.push(at)
      draw()
    }
  }
  function press(event: MapMouseEvent | MapTouchEvent): void {
    if (mode !== 'move' || !map) return
    rings.forEach((ring, number) => ring.forEach((corner, index) => {
      if (!dragged && near(corner, event.point)) dragged = { ring: number, corner: index }
    }))
    if (dragged) event.preventDefault()
  }
  function drag(event: MapMouseEvent | MapTouchEvent): void {
    if (!dragged) return
    rings[dragged.ring]![dragged.corner] = [event.lngLat.lng, event.lngLat.lat]
    draw()
  }
  function release(): void {
    if (dragged) write()
    dragged = null
  }
  radius.addEventListener('input', () => {
    const value = Number(radius.value)
    if (circle && value > 0) {
      circle = { ...circle, radius: value }
      write()
      draw()
    }
  })
  area.addEventListener('input', () => {
    read()
    draw()
  })

  const drawn = fence()
  let bounds: [number, number, number, number] | null = null
  if (drawn) {
    const box = boundsOf(picture())
    const margin = box ? Math.max(box[2] - box[0], box[3] - box[1]) * 0.3 : 0
    bounds = box && [box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin]
  }
  map = await makeMap(canvas, bounds ? { ...config.map, bounds } : config.map, (made) => {
    addFenceLayers(made, EMPTY)
    made.addLayer({ id: 'fence-corners', type: 'circle', source: 'fence', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 6, 'circle-color': '#ffffff', 'circle-stroke-color': '#1b5fb8', 'circle-stroke-width': 2 } })
  })
  map.doubleClickZoom.disable()
  map.on('click', click)
  for (const [name, act] of [['mousedown', press], ['touchstart', press], ['mousemove', drag], ['touchmove', drag], ['mouseup', release], ['touchend', release]] as const) map.on(name, act as () => void)
  choose(drawn ? 'move' : first)
  return () => map?.remove()
}
