/** The picture of one area. Config: `fence`, `title` and those of every map. */
import { el } from '../shared/dom'
import { addFenceLayers, type Fence, polygonOf } from '../shared/fence'
import { type BaseMapConfig, boundsOf, makeMap } from '../shared/map'

interface Config extends BaseMapConfig {
  fence: Fence
  title: string
}

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const canvas = el('div', { class: 'zg-map-canvas zg-fence-map', role: 'img', 'aria-label': `${config.title}的范围图` })
  root.append(canvas)
  const shape = { type: 'FeatureCollection' as const, features: [polygonOf(config.fence)] }
  const [west, south, east, north] = boundsOf(shape) ?? [120.85, 30.68, 122, 31.88]
  const margin = Math.max(east - west, north - south) * 0.25
  const map = await makeMap(canvas, { ...config, bounds: [west - margin, south - margin, east + margin, north + margin] }, (made) => addFenceLayers(made, shape))
  return () => map.remove()
}
