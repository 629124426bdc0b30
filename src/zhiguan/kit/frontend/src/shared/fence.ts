/** Areas on maps: a polygon with holes or a circle, as the server stores them (WGS84). */
import type { Feature, FeatureCollection, Polygon, Position } from 'geojson'
import type { Map as MapLibre } from 'maplibre-gl'

export type Fence = { type: 'Polygon'; coordinates: Position[][] } | { type: 'Circle'; center: [number, number]; radius_m: number }

const METRES_PER_DEGREE = 111_195

/** The circle as a ring of 72 corners. */
export function circleRing(center: Position, radius: number): Position[] {
  const [lon = 0, lat = 0] = center
  const wide = METRES_PER_DEGREE * Math.cos((lat * Math.PI) / 180)
  return Array.from({ length: 73 }, (_, index) => {
    const turn = (index * 2 * Math.PI) / 72
    return [lon + (radius * Math.sin(turn)) / wide, lat + (radius * Math.cos(turn)) / METRES_PER_DEGREE]
  })
}

export function metresBetween(a: Position, b: Position): number {
  const [lonA = 0, latA = 0] = a
  const [lonB = 0, latB = 0] = b
  const east = (lonB - lonA) * METRES_PER_DEGREE * Math.cos((((latA + latB) / 2) * Math.PI) / 180)
  return Math.hypot(east, (latB - latA) * METRES_PER_DEGREE)
}

export function polygonOf(fence: Fence): Feature<Polygon> {
  const coordinates = fence.type === 'Circle' ? [circleRing(fence.center, fence.radius_m)] : fence.coordinates
  return { type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates } }
}

/** Reads stored or pasted text; null for anything that is no area. */
export function readFence(text: string): Fence | null {
  try {
    const whole = JSON.parse(text) as { type?: string; geometry?: unknown }
    const found = (whole.type === 'Feature' ? whole.geometry : whole) as Fence | null
    if (found?.type === 'Polygon' && Array.isArray(found.coordinates) && found.coordinates.length) return found
    if (found?.type === 'Circle' && Array.isArray(found.center) && found.radius_m > 0) return found
  } catch {
    return null
  }
  return null
}

export const EMPTY: FeatureCollection = { type: 'FeatureCollection', features: [] }

/** Adds the layers of an area to the source `fence`. */
export function addFenceLayers(map: MapLibre, data: FeatureCollection): void {
  map.addSource('fence', { type: 'geojson', data })
  map.addLayer({ id: 'fence-fill', type: 'fill', source: 'fence', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': '#1b5fb8', 'fill-opacity': 0.18 } })
  map.addLayer({ id: 'fence-edge', type: 'line', source: 'fence', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': '#1b5fb8', 'line-width': 2 } })
}
