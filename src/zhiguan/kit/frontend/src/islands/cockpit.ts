/** The cockpit: areas to drill into, figures that lead to their rows, charts, a feed. Config and payload: README.md, "cockpit". */
import type { FeatureCollection } from 'geojson'
import { type Area, type ChoroplethOptions, deepest, drawChoropleth } from '../shared/choropleth'
import type { ChartSpec } from '../shared/charts'
import { el, icon } from '../shared/dom'
import { minuteText, numberText, timeText } from '../shared/format'
import { liveText, openLive, type LiveState } from '../shared/live'

interface Kpi {
  code: string
  title: string
  value: number | null
  unit?: string
  href?: string
  hint?: string
  tone?: 'normal' | 'warning' | 'danger' | 'success'
  delta?: { text: string; good?: boolean }
}

interface Layer {
  code: string
  title: string
  unit?: string
  bad?: boolean
}

interface FeedItem {
  id?: string | number
  at: string | number
  title: string
  text?: string
  kind?: 'normal' | 'warning' | 'danger' | 'success'
  href?: string
}

interface Picture {
  at: string
  scope: { level: 'city' | 'district' | 'organ'; code?: string; title: string; crumbs?: { title: string; href: string; data_url?: string }[] }
  kpis: Kpi[]
  layers: Layer[]
  areas: Area[]
  area_title?: string
  charts?: (ChartSpec & { href?: string })[]
  feed?: { title: string; href?: string; items: FeedItem[] }
}

interface Update {
  at?: string
  kpis?: Record<string, number>
  areas?: Record<string, Record<string, number>>
  feed?: FeedItem[]
}

interface Config {
  data?: Picture
  data_url: string
  stream_url?: string
  poll_url?: string
  poll_seconds?: number
  districts_url: string
  source_note?: string
  approval_number?: string
}

const FEED_LIMIT = 30

/** Tiles have room for a few digits: fractions of large numbers stay in the list behind. */
const kpiText = (value: number | null): string => numberText(value !== null && Math.abs(value) >= 1000 ? Math.round(value) : value)

async function json<T>(url: string): Promise<T> {
  const response = await fetch(url, { headers: { Accept: 'application/json' } })
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return (await response.json()) as T
}

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  root.classList.add('zg-cockpit')
  const shapesLoading = json<FeatureCollection>(config.districts_url)
  let picture = config.data ?? (await json<Picture>(config.data_url))
  let shapes: FeatureCollection = { type: 'FeatureCollection', features: [] }
  let layer = picture.layers[0]
  let stop: () => void = () => undefined
  let endCharts: (() => void)[] = []
  let liveState: LiveState = 'connecting'

  const crumbs = el('nav', { class: 'zg-cockpit-crumbs', 'aria-label': '范围' })
  const status = el('span', { class: 'zg-map-status', role: 'status' })
  const wall = el('button', { type: 'button', class: 'btn btn-sm', 'data-fullscreen': true }, icon('maximize'), '大屏')
  const head = el('header', { class: 'zg-cockpit-head' }, crumbs, el('div', { class: 'zg-cockpit-tools' }, status, wall))
  const kpis = el('ul', { class: 'zg-kpis' })
  const layers = el('div', { class: 'zg-seg', role: 'group', 'aria-label': '图层' })
  const areaTitle = el('h2')
  const map = el('div', { class: 'zg-cockpit-map' })
  const legend = el('div', { class: 'zg-cockpit-legend', 'aria-hidden': 'true' })
  const note = el('p', { class: 'zg-cockpit-note', text: [config.source_note, config.approval_number ? `审图号：${config.approval_number}` : '示意图，未标注审图号'].filter(Boolean).join(' · ') })
  const ranking = el('div', { class: 'zg-cockpit-rank', tabindex: 0, role: 'region', 'aria-label': '分项列表' })
  const feed = el('section', { class: 'zg-panel zg-cockpit-feed', 'aria-live': 'off' })
  const charts = el('div', { class: 'zg-cockpit-charts' })
  const mapPanel = el('section', { class: 'zg-panel zg-cockpit-areas' }, el('div', { class: 'zg-panel-head' }, areaTitle, layers), map, el('div', { class: 'zg-cockpit-foot' }, legend, note))
  const rankPanel = el('section', { class: 'zg-panel zg-cockpit-ranks' }, el('div', { class: 'zg-panel-head' }, el('h2', { text: '排行' })), ranking)
  root.append(head, kpis, el('div', { class: 'zg-cockpit-grid' }, mapPanel, rankPanel, feed), charts)

  function showState(): void {
    status.dataset.state = liveState
    status.textContent = `${liveText[liveState]} · ${timeText(picture.at)}`
  }
  function drawCrumbs(): void {
    const trail = picture.scope.crumbs ?? []
    crumbs.replaceChildren(
      ...trail.map((crumb) => el('a', { href: crumb.href, text: crumb.title, onclick: (event) => crumb.data_url && open(crumb.data_url, crumb.href, event) })),
      el('h1', { text: picture.scope.title }),
    )
  }
  function drawKpis(): void {
    kpis.replaceChildren(
      ...picture.kpis.map((kpi) => {
        const inside = [
          el('span', { class: 'zg-kpi-title', text: kpi.title }),
          el('span', { class: 'zg-kpi-value' }, el('b', { 'data-kpi': kpi.code, text: kpiText(kpi.value) }), kpi.unit && el('small', { text: kpi.unit })),
          el('span', { class: `zg-kpi-hint${kpi.delta?.good === true ? ' zg-good' : kpi.delta?.good === false ? ' zg-bad' : ''}`, text: kpi.delta?.text ?? kpi.hint ?? '' }),
        ]
        const tone = `zg-kpi zg-kpi-${kpi.tone ?? 'normal'}`
        return el('li', {}, kpi.href ? el('a', { class: tone, href: kpi.href, title: kpi.hint }, ...inside) : el('div', { class: tone, title: kpi.hint }, ...inside))
      }),
    )
  }
  function drawLayers(): void {
    layers.replaceChildren(
      ...picture.layers.map((one) =>
        el('button', { type: 'button', 'aria-pressed': String(one.code === layer?.code), text: one.title, onclick: () => {
          layer = one
          drawLayers()
          drawAreas()
        } }),
      ),
    )
  }
  function drawAreas(): void {
    if (!layer) return
    const chosen = layer
    const focus = picture.scope.level === 'city' ? undefined : picture.scope.code
    areaTitle.textContent = picture.area_title ?? '区域分布'
    const options: ChoroplethOptions = {
      districts: shapes, areas: picture.areas, layer: chosen, focus,
      onOpen: (area, event) => area.data_url && open(area.data_url, area.href ?? location.href, event),
    }
    drawChoropleth(map, options)
    const top = deepest(options)
    legend.replaceChildren(el('span', { text: '0' }), ...[1, 2, 3, 4, 5].map((step) => el('i', { class: `zg-step-${step}${chosen.bad ? ' zg-area-bad' : ''}` })), el('span', { text: `${numberText(top)} ${chosen.unit ?? ''}` }))
    legend.hidden = focus !== undefined
    const rows = [...picture.areas].sort((a, b) => (b.values[chosen.code] ?? 0) - (a.values[chosen.code] ?? 0))
    const longest = Math.max(1, ...rows.map((area) => area.values[chosen.code] ?? 0))
    ranking.replaceChildren(
      el(
        'ol',
        {},
        ...rows.map((area) => {
          const value = area.values[chosen.code] ?? 0
          const bar = el('i', { class: chosen.bad ? 'zg-area-bad' : '', 'aria-hidden': 'true' })
          bar.style.width = `${(value / longest) * 100}%`
          const inside = [el('span', { text: area.title }), el('b', { text: `${numberText(value)}${chosen.unit ? ` ${chosen.unit}` : ''}` }), bar]
          return el('li', {}, area.href ? el('a', { href: area.href, onclick: (event) => area.data_url && open(area.data_url, area.href ?? location.href, event) }, ...inside) : el('div', {}, ...inside))
        }),
      ),
    )
  }
  function drawFeed(): void {
    feed.hidden = !picture.feed
    if (!picture.feed) return
    feed.replaceChildren(
      el('div', { class: 'zg-panel-head' }, el('h2', { text: picture.feed.title }), picture.feed.href && el('a', { href: picture.feed.href, text: '全部' })),
      picture.feed.items.length
        ? el(
            'ol',
            { class: 'zg-feed', tabindex: 0 },
            ...picture.feed.items.slice(0, FEED_LIMIT).map((item) => {
              const inside = [el('time', { text: minuteText(item.at) }), el('span', {}, el('b', { text: item.title }), item.text && el('small', { text: item.text }))]
              return el('li', { class: `zg-feed-${item.kind ?? 'normal'}` }, item.href ? el('a', { href: item.href }, ...inside) : el('div', {}, ...inside))
            }),
          )
        : el('p', { class: 'zg-empty', text: '暂无动态' }),
    )
  }
  async function drawCharts(): Promise<void> {
    for (const end of endCharts) end()
    endCharts = []
    charts.replaceChildren()
    if (!picture.charts?.length) return
    const { drawChart } = await import('../shared/charts')
    for (const spec of picture.charts) {
      const body = el('div', { class: 'zg-chart' })
      charts.append(el('section', { class: 'zg-panel' }, el('div', { class: 'zg-panel-head' }, el('h2', { text: spec.title }), spec.href && el('a', { href: spec.href, text: '明细' })), body))
      endCharts.push(drawChart(body, { height: 220, ...spec }).end)
    }
  }
  function drawAll(): void {
    layer = picture.layers.find((one) => one.code === layer?.code) ?? picture.layers[0]
    drawCrumbs()
    drawKpis()
    drawLayers()
    drawAreas()
    drawFeed()
    showState()
  }
  function apply(update: Update): void {
    if (update.at) picture.at = update.at
    for (const [code, value] of Object.entries(update.kpis ?? {})) {
      const kpi = picture.kpis.find((one) => one.code === code)
      const place = kpis.querySelector<HTMLElement>(`[data-kpi="${CSS.escape(code)}"]`)
      if (!kpi || !place || kpi.value === value) continue
      kpi.value = value
      place.textContent = kpiText(value)
      place.classList.remove('zg-flash')
      void place.offsetWidth
      place.classList.add('zg-flash')
    }
    if (update.areas) {
      for (const area of picture.areas) Object.assign(area.values, update.areas[area.code] ?? {})
      // A focused link inside must not vanish under the user's fingers; the next update draws it.
      if (!map.contains(document.activeElement) && !ranking.contains(document.activeElement)) drawAreas()
    }
    if (update.feed?.length && picture.feed) {
      const known = new Set(picture.feed.items.map((item) => item.id))
      picture.feed.items = [...update.feed.filter((item) => item.id === undefined || !known.has(item.id)), ...picture.feed.items].slice(0, FEED_LIMIT)
      drawFeed()
    }
    showState()
  }
  function listen(): void {
    stop()
    const scoped = (url?: string): string | undefined => {
      if (!url) return undefined
      const made = new URL(url, location.href)
      made.searchParams.set('level', picture.scope.level)
      if (picture.scope.code) made.searchParams.set('code', picture.scope.code)
      return made.toString()
    }
    stop = openLive<Update>({ streamUrl: scoped(config.stream_url), pollUrl: scoped(config.poll_url), pollSeconds: config.poll_seconds ?? 10, onData: apply, onState: (state) => {
      liveState = state
      showState()
    } })
  }
  async function load(dataUrl: string): Promise<void> {
    root.setAttribute('aria-busy', 'true')
    try {
      picture = await json<Picture>(dataUrl)
      drawAll()
      void drawCharts()
      listen()
      root.querySelector('h1')?.scrollIntoView({ block: 'nearest' })
    } finally {
      root.removeAttribute('aria-busy')
    }
  }
  function open(dataUrl: string, href: string, event: Event): void {
    const { ctrlKey, metaKey, shiftKey } = event as MouseEvent
    if (ctrlKey || metaKey || shiftKey) return
    event.preventDefault()
    history.pushState({ cockpit: dataUrl }, '', href)
    load(dataUrl).catch(() => location.assign(href))
  }
  const back = (event: PopStateEvent): void => {
    const state = event.state as { cockpit?: string } | null
    if (state?.cockpit) void load(state.cockpit)
    else location.reload()
  }
  history.replaceState({ cockpit: config.data_url }, '')
  window.addEventListener('popstate', back)

  drawAll()
  shapes = await shapesLoading
  drawAreas()
  listen()
  let width = map.clientWidth
  let height = map.clientHeight
  const watch = new ResizeObserver(() => {
    if (Math.abs(map.clientWidth - width) < 4 && Math.abs(map.clientHeight - height) < 4) return
    width = map.clientWidth
    height = map.clientHeight
    drawAreas()
  })
  watch.observe(map)
  await drawCharts()
  return () => {
    stop()
    watch.disconnect()
    window.removeEventListener('popstate', back)
    for (const end of endCharts) end()
  }
}
