/**
 * Areas as SVG links coloured by a value. Plain SVG instead of a map library: it is crisp on a wall, small, reachable by keyboard, and a
 * click is an ordinary link. Areas too small to touch are drawn once more, larger, in an inset.
 */
import type { FeatureCollection } from 'geojson'
import { numberText } from './format'

export interface Area {
  code: string
  title: string
  href?: string
  data_url?: string
  values: Record<string, number>
  /** Without a shape of its own an area (an organ, say) is a circle here. */
  lat?: number
  lon?: number
}

interface Shape {
  code: string
  name: string
  rings: [number, number][][]
  box: [number, number, number, number]
}

const NS = 'http://www.w3.org/2000/svg'
const SMALL = 52
const STEPS = 5

function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string | number>, ...children: Node[]): SVGElementTagNameMap[K] {
  const node = document.createElementNS(NS, tag)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value))
  node.append(...children)
  return node
}

/** Web Mercator in degrees, y downwards. */
const project = (lon: number, lat: number): [number, number] => [lon, (-Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) * 180) / Math.PI]

function readShapes(features: FeatureCollection): Shape[] {
  return features.features.flatMap((feature) => {
    const { geometry } = feature
    const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.type === 'MultiPolygon' ? geometry.coordinates : []
    const rings = polygons.flat().map((ring) => ring.map(([lon = 0, lat = 0]) => project(lon, lat)))
    if (!rings.length) return []
    const points = rings.flat()
    const xs = points.map((point) => point[0])
    const ys = points.map((point) => point[1])
    const properties = (feature.properties ?? {}) as Record<string, unknown>
    return [{ code: String(properties.code ?? ''), name: String(properties.name ?? ''), rings, box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] }]
  })
}

interface Frame {
  x: (value: number) => number
  y: (value: number) => number
  scale: number
}

/** `align` 0 puts the spare width on the right, 1 on the left. */
function fit(shapes: Shape[], left: number, top: number, width: number, height: number, align = 0.5): Frame {
  const box = [Math.min(...shapes.map((one) => one.box[0])), Math.min(...shapes.map((one) => one.box[1])), Math.max(...shapes.map((one) => one.box[2])), Math.max(...shapes.map((one) => one.box[3]))] as const
  const scale = Math.min(width / (box[2] - box[0]), height / (box[3] - box[1]))
  const dx = left + (width - (box[2] - box[0]) * scale) * align
  const dy = top + (height - (box[3] - box[1]) * scale) / 2
  return { scale, x: (value) => dx + (value - box[0]) * scale, y: (value) => dy + (value - box[1]) * scale }
}

/** Where a name fits best: the middle of the widest inside stretch among some scan lines of the largest ring. */
function anchor(shape: Shape, frame: Frame): [x: number, y: number, width: number] {
  const ring = shape.rings.reduce((a, b) => (b.length > a.length ? b : a))
  let best: [number, number, number] = [0, 0, 0]
  for (let part = 3; part <= 7; part++) {
    const y = shape.box[1] + ((shape.box[3] - shape.box[1]) * part) / 10
    const cuts: number[] = []
    for (let i = 0; i < ring.length; i++) {
      const [x1, y1] = ring[i]!
      const [x2, y2] = ring[(i + 1) % ring.length]!
      if (y1 > y !== y2 > y) cuts.push(x1 + ((y - y1) / (y2 - y1)) * (x2 - x1))
    }
    cuts.sort((a, b) => a - b)
    for (let i = 0; i + 1 < cuts.length; i += 2) {
      const width = (cuts[i + 1]! - cuts[i]!) * frame.scale
      // Prefer the middle lines a little, so that names sit where the eye expects them.
      const worth = width * (1 - Math.abs(part - 5) * 0.06)
      if (worth > best[2]) best = [frame.x((cuts[i]! + cuts[i + 1]!) / 2), frame.y(y), worth]
    }
  }
  return best
}

export interface ChoroplethOptions {
  districts: FeatureCollection
  areas: Area[]
  layer: { code: string; title: string; unit?: string; bad?: boolean }
  /** Code of the one district shown large, when drilled. */
  focus?: string
  onOpen?: (area: Area, event: Event) => void
}

/** The value that has the deepest colour, STEPS at least: of what the picture shows; 市级 is in the list beside it and on no map. */
export function deepest(options: ChoroplethOptions): number {
  const drawn = new Set(options.districts.features.map((feature) => String(feature.properties?.code ?? '')))
  const shown = options.focus ? options.areas : options.areas.filter((area) => drawn.has(area.code))
  return Math.max(STEPS, ...shown.map((area) => area.values[options.layer.code] ?? 0))
}

export function drawChoropleth(root: HTMLElement, options: ChoroplethOptions): void {
  const width = Math.max(320, root.clientWidth)
  const height = Math.max(300, root.clientHeight)
  const all = readShapes(options.districts)
  const byCode = new Map(options.areas.map((area) => [area.code, area]))
  const focus = all.find((shape) => shape.code === options.focus)
  const shown = focus ? [focus] : all
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, class: 'zg-areas', role: 'group', 'aria-label': `${options.layer.title}分布图` })
  if (!shown.length) return root.replaceChildren(picture)
  const valueOf = (area?: Area): number => area?.values[options.layer.code] ?? 0
  const top = deepest(options)
  const step = (value: number): number => (value <= 0 ? 0 : Math.min(STEPS, 1 + Math.floor((value / top) * (STEPS - 0.001))))
  const describe = (name: string, area?: Area): string => `${name}：${options.layer.title} ${area ? numberText(valueOf(area)) : '无数据'}${area ? (options.layer.unit ?? '') : ''}`

  const path = (shape: Shape, frame: Frame): string => shape.rings.map((ring) => `M${ring.map(([x, y]) => `${frame.x(x).toFixed(1)},${frame.y(y).toFixed(1)}`).join('L')}Z`).join('')
  const link = (area: Area | undefined, label: string, ...children: Node[]): SVGElement => {
    const title = svg('title', {})
    title.textContent = label
    if (!area?.href) return svg('g', { class: 'zg-area-still' }, title, ...children)
    const anchorNode = svg('a', { href: area.href, 'aria-label': label, class: 'zg-area-link' }, title, ...children)
    anchorNode.addEventListener('click', (event) => options.onOpen?.(area, event))
    return anchorNode
  }
  const words = (x: number, y: number, name: string, value: string): SVGTextElement => {
    const text = svg('text', { x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': 'middle', class: 'zg-area-text', 'aria-hidden': 'true' })
    const first = svg('tspan', { x: x.toFixed(1), dy: '-0.15em' })
    first.textContent = name
    const second = svg('tspan', { x: x.toFixed(1), dy: '1.2em', class: 'zg-area-value' })
    second.textContent = value
    text.append(first, second)
    return text
  }
  const drawShapes = (shapes: Shape[], frame: Frame, insideInset: boolean): void => {
    const labels: Node[] = []
    const named: [x: number, y: number][] = []
    for (const shape of shapes) {
      const area = byCode.get(shape.code)
      const [x, y] = anchor(shape, frame)
      const tiny = !insideInset && small.length > 1 && small.includes(shape)
      const part = svg('path', { d: path(shape, frame), class: `zg-area ${options.layer.bad ? 'zg-area-bad' : ''} zg-step-${step(valueOf(area))}` })
      if (tiny) {
        // The inset holds the link; here the shape only shows its colour.
        picture.append(svg('g', { 'aria-hidden': 'true', class: 'zg-area-still' }, part))
        continue
      }
      picture.append(link(area, describe(shape.name, area), part))
      // Two names on one spot help nobody; the list beside and the tooltip have both.
      if (named.some(([left, top]) => Math.abs(left - x) < 17 && Math.abs(top - y) < 22)) continue
      named.push([x, y])
      if (!focus) labels.push(words(x, y, shape.name.replace(/(新区|区)$/, ''), area ? numberText(valueOf(area)) : ''))
    }
    picture.append(...labels)
  }
  // Which areas are too small is asked of a first fit; the inset then takes the emptiest corner and the map moves aside.
  const isTiny = (shape: Shape, within: Frame): boolean => !focus && (anchor(shape, within)[2] < SMALL || (shape.box[3] - shape.box[1]) * within.scale < 36)
  // A reference size, not the real one: on a phone everything is small, yet the inset is for the inner districts only.
  const reference = fit(shown, 0, 0, 540, 460)
  const small = shown.filter((shape) => isTiny(shape, reference))
  const plain = fit(shown, 12, 12, width - 24, height - 24)
  if (small.length < 2) drawShapes(shown, plain, false)
  else {
    const mapWidth = (Math.max(...shown.map((shape) => shape.box[2])) - Math.min(...shown.map((shape) => shape.box[0]))) * plain.scale
    const spare = width - mapWidth - 48
    // A wide picture has room for a large inset beside the map; else it takes a corner.
    const beside = spare > height * 0.5
    const size = beside ? Math.min(spare, height * 0.8) : Math.min(width * 0.4, height * 0.42)
    const start = (width - size - mapWidth - 24) / 2
    const corners = [[8, 8], [8, height - size - 8], [width - size - 8, 8], [width - size - 8, height - size - 8]] as [number, number][]
    const wide = { left: start, down: (height - size) / 2, frame: fit(shown, start + size + 24, 12, mapWidth, height - 24), hidden: 0 }
    const tried = corners.map(([left, down]) => {
      const frame = fit(shown, 12, 12, width - 24, height - 24, left < width / 2 ? 1 : 0)
      const hidden = shown.reduce((sum, shape) => {
        const [x, y] = anchor(shape, frame)
        const inside = ([px, py]: [number, number]): boolean => px > left - 8 && px < left + size + 8 && py > down - 8 && py < down + size + 8
        const points = shape.rings.flat().filter((point) => inside([frame.x(point[0]), frame.y(point[1])])).length
        return sum + points + (inside([x, y]) ? 500 : 0)
      }, 0)
      return { left, down, frame, hidden }
    })
    const { left, down, frame } = beside ? wide : tried.reduce((a, b) => (b.hidden < a.hidden ? b : a))
    drawShapes(shown, frame, false)
    picture.append(svg('rect', { x: left, y: down, width: size, height: size, rx: 6, class: 'zg-areas-inset' }))
    const caption = svg('text', { x: left + 10, y: down + 18, class: 'zg-areas-caption' })
    caption.textContent = '中心城区'
    picture.append(caption)
    drawShapes(small, fit(small, left + 10, down + 24, size - 20, size - 34), true)
  }
  const frame = plain
  if (focus) {
    const placed = options.areas.filter((area) => area.lat !== undefined && area.lon !== undefined)
    placed.sort((a, b) => valueOf(b) - valueOf(a))
    const taken: [left: number, top: number, right: number, bottom: number][] = []
    const spots = placed.map((area) => {
      const [px, py] = project(area.lon ?? 0, area.lat ?? 0)
      const radius = 5 + Math.sqrt(Math.max(0, valueOf(area)) / top) * 13
      const x = frame.x(px)
      const y = frame.y(py)
      const dot = svg('circle', { cx: x.toFixed(1), cy: y.toFixed(1), r: radius.toFixed(1), class: `zg-area-dot ${options.layer.bad ? 'zg-area-bad' : ''}` })
      picture.append(link(area, describe(area.title, area), dot))
      taken.push([x - radius, y - radius, x + radius, y + radius])
      return { area, x, y, radius }
    })
    for (const { area, x, y, radius } of spots) {
      const half = area.title.length * 6.5
      // The largest are named first; a name that would cover something is left to the list and the tooltip.
      for (const above of [false, true]) {
        const line = above ? y - radius - 20 : y + radius + 12
        const box = [x - half, line - 11, x + half, line + 17] as [number, number, number, number]
        if (box[0] < 0 || box[2] > width || !taken.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3])) continue
        taken.push(box)
        picture.append(words(x, line, area.title, numberText(valueOf(area))))
        break
      }
    }
  }
  root.replaceChildren(picture)
}
