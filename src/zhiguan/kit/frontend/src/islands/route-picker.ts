/** 途经地点: known places by search, any place by a click on the map; the click also sets where the journey begins and ends. */
import type { Map as MapLibre } from 'maplibre-gl'
import type { FeatureCollection } from 'geojson'
import { el, icon } from '../shared/dom'
import type { BaseMapConfig } from '../shared/map'

interface Config {
  search_url: string
  map: BaseMapConfig
}

interface Stop {
  name: string
  lat: number | null
  lon: number | null
}

interface Found {
  title: string
  subtitle: string
  value: string
}

export function mount(root: HTMLElement, config: Config): () => void {
  const area = root.querySelector('textarea')
  if (!area) return () => undefined
  const form = root.closest('form')
  let stops: Stop[] = []
  try {
    stops = JSON.parse(area.value || '[]') as Stop[]
  } catch {
    area.value = '[]'
  }
  let map: MapLibre | null = null
  let refresh: () => void = () => undefined
  const chips = el('div', { class: 'zg-chips' })
  const input = el('input', { class: 'form-control', id: `${area.id}_search`, placeholder: '输入名称或拼音，选取或回车加入', autocomplete: 'off' })
  const list = el('ul', { class: 'zg-suggest', role: 'listbox', hidden: true, 'aria-label': '地点' })
  const target = el('select', { class: 'form-select', 'aria-label': '点选地图设为' }, el('option', { value: 'destination', text: '目的地' }), el('option', { value: 'stop', text: '途经地点' }), el('option', { value: 'origin', text: '上车地点' }))
  const canvas = el('div', { class: 'zg-route-map', hidden: true })
  const open = el('button', { type: 'button', class: 'btn', 'aria-expanded': 'false' }, icon('map-pin'), '在地图上选')
  const tools = el('div', { class: 'd-flex gap-2 mt-2 align-items-center' }, open, el('span', { class: 'text-secondary', text: '点选地图设为' }), target)
  document.querySelector(`label[for="${area.id}"]`)?.setAttribute('for', input.id)
  target.hidden = (tools.children[1] as HTMLElement).hidden = true

  const spot = (name: string): HTMLInputElement | null => form?.querySelector<HTMLInputElement>(`input[name=${name}_at]`) ?? null
  const text = (name: string): HTMLInputElement | null => form?.querySelector<HTMLInputElement>(`input[name=${name}]`) ?? null
  const draw = (): void => {
    area.value = JSON.stringify(stops)
    area.dispatchEvent(new Event('change', { bubbles: true }))
    chips.replaceChildren(
      ...stops.map((each, index) =>
        el('span', { class: 'zg-chip' }, `${index + 1}. ${each.name}`, el('button', { type: 'button', 'aria-label': `移除 ${each.name}`, text: '×', onclick: () => {
          stops.splice(index, 1)
          draw()
        } })),
      ),
    )
    refresh()
  }
  const add = (name: string, at: string): void => {
    const [lat, lon] = at.split(',').map(Number)
    if (stops.length < 8) stops.push({ name, lat: at ? (lat ?? null) : null, lon: at ? (lon ?? null) : null })
    input.value = ''
    list.hidden = true
    draw()
  }
  let timer = 0
  const look = async (): Promise<void> => {
    const word = input.value.trim()
    if (!word) {
      list.hidden = true
      return
    }
    try {
      const response = await fetch(`${config.search_url}?q=${encodeURIComponent(word)}`)
      const { items } = (await response.json()) as { items: Found[] }
      list.replaceChildren(...items.map((each) => el('li', { role: 'option', onpointerdown: (event) => event.preventDefault(), onclick: () => add(each.title, each.value) }, el('span', { text: each.title }), el('small', { text: each.subtitle }))))
      list.hidden = !items.length
    } catch {
      list.hidden = true
    }
  }
  input.addEventListener('input', (event) => {
    if ((event as InputEvent).isComposing) return
    clearTimeout(timer)
    timer = window.setTimeout(() => void look(), 200)
  })
  input.addEventListener('blur', () => setTimeout(() => (list.hidden = true), 150))
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.isComposing) {
      event.preventDefault()
      if (input.value.trim()) add(input.value.trim().slice(0, 80), '')
    }
  })

  const picture = (): FeatureCollection => {
    const points: { name: string; at: [number, number]; kind: string }[] = []
    const field = (name: string, kind: string): void => {
      const [lat, lon] = (spot(name)?.value ?? '').split(',').map(Number)
      if (lat && lon) points.push({ name: text(name)?.value ?? '', at: [lon, lat], kind })
    }
    field('origin', 'origin')
    for (const each of stops) if (each.lat && each.lon) points.push({ name: each.name, at: [each.lon, each.lat], kind: 'stop' })
    field('destination', 'destination')
    const features: FeatureCollection['features'] = points.map((each) => ({ type: 'Feature', properties: { name: each.name, kind: each.kind }, geometry: { type: 'Point', coordinates: each.at } }))
    if (points.length > 1) features.unshift({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: points.map((each) => each.at) } })
    return { type: 'FeatureCollection', features }
  }

  async function showMap(): Promise<void> {
    canvas.hidden = !canvas.hidden
    open.setAttribute('aria-expanded', String(!canvas.hidden))
    target.hidden = (tools.children[1] as HTMLElement).hidden = canvas.hidden
    if (canvas.hidden || map) return
    const { makeMap, setData, FONT, palette } = await import('../shared/map')
    map = await makeMap(canvas, config.map, (made) => {
      made.addSource('way', { type: 'geojson', data: picture() })
      made.addLayer({ id: 'way', type: 'line', source: 'way', filter: ['==', ['geometry-type'], 'LineString'], paint: { 'line-color': '#1b5fb8', 'line-width': 2, 'line-dasharray': [2, 2] } })
      made.addLayer({ id: 'points', type: 'circle', source: 'way', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 7, 'circle-color': ['match', ['get', 'kind'], 'origin', '#1d7a46', 'destination', '#b8281f', '#d08a1d'], 'circle-stroke-color': '#fff', 'circle-stroke-width': 2 } })
      made.addLayer({ id: 'names', type: 'symbol', source: 'way', filter: ['==', ['geometry-type'], 'Point'], layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 12, 'text-offset': [0, 1.2] }, paint: { 'text-color': palette().text, 'text-halo-color': palette().halo, 'text-halo-width': 1.5 } })
    })
    refresh = () => map && setData(map, 'way', picture())
    map.on('click', (event) => {
      const at = `${event.lngLat.lat.toFixed(6)},${event.lngLat.lng.toFixed(6)}`
      if (target.value === 'stop') return add(`地图选点 ${stops.length + 1}`, at)
      const [hidden, shown] = [spot(target.value), text(target.value)]
      if (hidden) hidden.value = at
      if (shown && !shown.value.trim()) shown.value = '地图选点'
      refresh()
    })
  }
  open.addEventListener('click', () => void showMap())
  form?.addEventListener('change', (event) => /_at$/.test((event.target as HTMLInputElement).name) && refresh())
  root.append(chips, input, list, tools, canvas)
  draw()
  return () => map?.remove()
}
