/** The base map: district shapes from our own host, tiles only when the deployment names a tile service. */
import 'maplibre-gl/dist/maplibre-gl.css'
import { AttributionControl, type GeoJSONSource, Map as MapLibre, NavigationControl, ScaleControl, setWorkerUrl, type StyleSpecification } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url'
import type { FeatureCollection, Position } from 'geojson'
import { currentTheme } from '../modules/theme'

setWorkerUrl(workerUrl)

export interface BaseMapConfig {
  /** GeoJSON FeatureCollection of polygons with properties name and code. */
  districts_url?: string
  /** A complete MapLibre style; replaces the drawn base. */
  style_url?: string
  /** Raster tile template with {z}/{x}/{y}. */
  tiles_url?: string
  approval_number?: string
  source_note?: string
  center?: [lon: number, lat: number]
  zoom?: number
  /** Pixels on the left that a panel covers. */
  reserve_left?: number
  bounds?: [west: number, south: number, east: number, north: number]
}

interface Palette {
  land: string
  sea: string
  border: string
  text: string
  halo: string
}

export const palette = (): Palette =>
  currentTheme() === 'dark'
    ? { sea: '#0b1626', land: '#16263d', border: '#3c5577', text: '#9db2d0', halo: '#0b1626' }
    : { sea: '#dfe8f2', land: '#f8f9fb', border: '#a9b8cc', text: '#4d5e78', halo: '#ffffff' }

const FONT = ['sans-serif']
/** Sources of our own are cut into tiles down to this zoom only; beyond it the same tiles are enlarged. */
export const TILED_TO = 12

function style(config: BaseMapConfig, districts: FeatureCollection): StyleSpecification {
  const colours = palette()
  return {
    version: 8,
    sources: {
      // Few large tiles: each of them is painted over the whole picture for every layer. Finer shapes than these we have not.
      districts: { type: 'geojson', data: districts, maxzoom: TILED_TO, tolerance: 0.1 },
      names: { type: 'geojson', data: namePoints(districts), maxzoom: TILED_TO },
      ...(config.tiles_url ? { tiles: { type: 'raster' as const, tiles: [config.tiles_url], tileSize: 256 } } : {}),
    },
    layers: [
      { id: 'sea', type: 'background', paint: { 'background-color': colours.sea } },
      { id: 'land', type: 'fill', source: 'districts', paint: { 'fill-color': colours.land, 'fill-antialias': false } }, // the border covers its edge
      ...(config.tiles_url ? [{ id: 'tiles', type: 'raster' as const, source: 'tiles' }] : []),
      { id: 'border', type: 'line', source: 'districts', paint: { 'line-color': colours.border, 'line-width': ['interpolate', ['linear'], ['zoom'], 8, 0.8, 13, 2] } },
      {
        id: 'district-name',
        type: 'symbol',
        source: 'names',
        layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': ['interpolate', ['linear'], ['zoom'], 8, 11, 12, 15], 'text-padding': 4 },
        paint: { 'text-color': colours.text, 'text-halo-color': colours.halo, 'text-halo-width': 1.2 },
      },
    ],
  }
}

function eachPosition(coordinates: unknown, run: (position: Position) => void): void {
  if (!Array.isArray(coordinates)) return
  if (typeof coordinates[0] === 'number') run(coordinates as Position)
  else for (const inner of coordinates) eachPosition(inner, run)
}

/** One point per district, in its largest part, so that islands do not repeat the name. */
function namePoints(districts: FeatureCollection): FeatureCollection {
  return {
    type: 'FeatureCollection',
    features: districts.features.flatMap((feature) => {
      const { geometry } = feature
      const parts = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.type === 'MultiPolygon' ? geometry.coordinates : []
      const boxes = parts.map((part) => boundsOf({ type: 'FeatureCollection', features: [{ type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: part } }] }) ?? ([0, 0, 0, 0] as const))
      const size = (box: readonly number[]): number => (box[2]! - box[0]!) * (box[3]! - box[1]!)
      if (!boxes.length) return []
      const box = boxes.reduce((a, b) => (size(b) > size(a) ? b : a))
      return [{ type: 'Feature' as const, properties: feature.properties, geometry: { type: 'Point' as const, coordinates: [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] } }]
    }),
  }
}

export function boundsOf(features: FeatureCollection): [number, number, number, number] | null {
  const box: [number, number, number, number] = [180, 90, -180, -90]
  for (const feature of features.features) {
    if (!('coordinates' in feature.geometry)) continue
    eachPosition(feature.geometry.coordinates, ([lon = 0, lat = 0]) => {
      box[0] = Math.min(box[0], lon)
      box[1] = Math.min(box[1], lat)
      box[2] = Math.max(box[2], lon)
      box[3] = Math.max(box[3], lat)
    })
  }
  return box[0] <= box[2] ? box : null
}

export async function loadDistricts(url?: string): Promise<FeatureCollection> {
  if (!url) return { type: 'FeatureCollection', features: [] }
  const response = await fetch(url, { headers: { Accept: 'application/geo+json, application/json' } })
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return (await response.json()) as FeatureCollection
}

/** Makes the map and waits until its style stands. `redraw` is called now and after each change of theme, to add own layers. */
export async function makeMap(container: HTMLElement, config: BaseMapConfig, redraw: (map: MapLibre) => void): Promise<MapLibre> {
  const districts = await loadDistricts(config.districts_url)
  const map = new MapLibre({
    container,
    style: config.style_url ?? style(config, districts),
    bounds: config.bounds ?? (config.center ? undefined : (boundsOf(districts) ?? [120.85, 30.68, 122.0, 31.88])),
    fitBoundsOptions: { padding: { top: 24, right: 24, bottom: 24, left: 24 + (config.reserve_left ?? 0) } },
    ...(config.center ? { center: config.center, zoom: config.zoom ?? 11 } : {}),
    attributionControl: false,
    localIdeographFontFamily: "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif",
    maxPitch: 0,
    dragRotate: false,
    fadeDuration: 0,
    locale: {
      'Map.Title': '地图',
      'NavigationControl.ZoomIn': '放大',
      'NavigationControl.ZoomOut': '缩小',
      'AttributionControl.ToggleAttribution': '显示或隐藏地图来源',
    },
  })
  map.touchZoomRotate.disableRotation()
  // A flat map shows no sky, yet the library computes one under every picture: a third of the time without a graphics card.
  map.once('styledata', () => Object.assign(map.style.sky ?? {}, { getEvaluated: () => null }))
  map.addControl(new NavigationControl({ showCompass: false }), 'top-right')
  const notes = [config.source_note, config.approval_number ? `审图号：${config.approval_number}` : '示意底图，未标注审图号'].filter(Boolean)
  map.addControl(new AttributionControl({ compact: false, customAttribution: notes.join(' · ') }), 'bottom-right')
  map.addControl(new ScaleControl({ unit: 'metric' }), 'bottom-right') // above the sources, which fill the whole width of a phone
  await new Promise<void>((resolve) => map.once('load', () => resolve()))
  redraw(map)
  if (!config.style_url) {
    const recolour = (): void => {
      const colours = palette()
      map.setPaintProperty('sea', 'background-color', colours.sea)
      map.setPaintProperty('land', 'fill-color', colours.land)
      map.setPaintProperty('border', 'line-color', colours.border)
      map.setPaintProperty('district-name', 'text-color', colours.text)
      map.setPaintProperty('district-name', 'text-halo-color', colours.halo)
    }
    document.addEventListener('zg:theme', recolour)
    map.once('remove', () => document.removeEventListener('zg:theme', recolour))
  }
  // Tests and people who print wait for this mark instead of guessing.
  map.on('idle', () => (container.dataset.idle = '1'))
  const watch = new ResizeObserver(() => map.resize())
  watch.observe(container)
  map.once('remove', () => watch.disconnect())
  return map
}

export function setData(map: MapLibre, source: string, data: FeatureCollection): void {
  map.getSource<GeoJSONSource>(source)?.setData(data)
}

/** Draws a map symbol on a canvas, so that no sprite file is needed. */
export function addSymbol(map: MapLibre, name: string, size: number, draw: (pen: CanvasRenderingContext2D, size: number) => void): void {
  if (map.hasImage(name)) return
  const ratio = 2
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size * ratio
  const pen = canvas.getContext('2d')
  if (!pen) return
  pen.scale(ratio, ratio)
  draw(pen, size)
  map.addImage(name, pen.getImageData(0, 0, canvas.width, canvas.height), { pixelRatio: ratio })
}

export { FONT }
