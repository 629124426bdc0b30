/** The picture of one area. Config: `fence`, `title`, `marks` (places in it with a name) and those of every map. */
import type { Map as MapLibre } from 'maplibre-gl'
import { el } from '../shared/dom'
import { addFenceLayers, type Fence, polygonOf } from '../shared/fence'
import { type BaseMapConfig, boundsOf, makeMap, palette } from '../shared/map'

interface Config extends BaseMapConfig {
  fence: Fence
  title: string
  marks?: { lat: number; lon: number; title: string }[]
}

/** Adds named places. */
function addMarks(map: MapLibre, marks: NonNullable<Config['marks']>): void {
  const features = marks.map(({ lat, lon, title }) => ({ type: 'Feature' as const, properties: { title }, geometry: { type: 'Point' as const, coordinates: [lon, lat] } }))
  map.addSource('marks', { type: 'geojson', data: { type: 'FeatureCollection', features } })
  map.addLayer({ id: 'marks', type: 'circle', source: 'marks', paint: { 'circle-radius': 5, 'circle-color': '#1b5fb8', 'circle-stroke-color': '#ffffff', 'circle-stroke-width': 1.5 } })
  map.addLayer({
    id: 'mark-names', type: 'symbol', source: 'marks',
    layout: { 'text-field': ['get', 'title'], 'text-font': ['sans-serif'], 'text-size': 12, 'text-offset': [0, 1.1], 'text-anchor': 'top' },
    paint: { 'text-color': palette().text, 'text-halo-color': palette().halo, 'text-halo-width': 1.4 },
  })
}

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const canvas = el('div', { class: 'zg-map-canvas zg-fence-map', role: 'img', 'aria-label': `${config.title}的范围图` })
  root.append(canvas)
  const shape = { type: 'FeatureCollection' as const, features: [polygonOf(config.fence)] }
  const [west, south, east, north] = boundsOf(shape) ?? [120.85, 30.68, 122, 31.88]
  const margin = Math.max(east - west, north - south) * 0.25
  const map = await makeMap(canvas, { ...config, bounds: [west - margin, south - margin, east + margin, north + margin] }, (made) => {
    addFenceLayers(made, shape)
    addMarks(made, config.marks ?? [])
  })
  return () => map.remove()
}
