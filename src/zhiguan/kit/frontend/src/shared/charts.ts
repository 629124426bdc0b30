/** Charts by ECharts, with only the parts used. The same figures stand in a table beside each chart. */
import { BarChart, HeatmapChart, LineChart, PieChart } from 'echarts/charts'
import { CalendarComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from 'echarts/components'
import { type EChartsCoreOption, type EChartsType, init, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import { currentTheme } from '../modules/theme'
import { el } from './dom'
import { numberText } from './format'

use([LineChart, BarChart, PieChart, HeatmapChart, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent, CalendarComponent, MarkLineComponent, CanvasRenderer])

export interface ChartSpec {
  type: 'line' | 'bar' | 'pie' | 'calendar'
  title: string
  unit?: string
  /** Words of the axis, or names of the slices; for a calendar the days as YYYY-MM-DD. */
  x: string[]
  series: { name: string; data: (number | null)[]; area?: boolean; type?: 'line' | 'bar'; axis?: 'right'; unit?: string }[]
  /** Where a point leads, one per word of the axis. */
  hrefs?: (string | null)[]
  stack?: boolean
  horizontal?: boolean
  /** Threshold lines. */
  marks?: { value: number; title: string }[]
  height?: number
  table?: 'hidden' | 'folded' | 'open'
}

const light = ['#1b5fb8', '#d08a1d', '#2b8a57', '#7a57b5', '#c2352b', '#14838f', '#7d8796', '#a3561f']
const dark = ['#6ea8f5', '#f0b75a', '#5cc78a', '#b59af0', '#ff8f86', '#55c5d2', '#a9b7ca', '#d69a6a']

function tooltipBox(title: string, rows: [colour: string, name: string, value: string][]): HTMLElement {
  // An element, not a string: inline style attributes would be refused by the content security policy.
  return el(
    'div',
    { class: 'zg-tip' },
    el('strong', { text: title }),
    ...rows.map(([colour, name, value]) => {
      const dot = el('i')
      dot.style.background = colour
      return el('div', {}, dot, el('span', { text: name }), el('b', { text: value }))
    }),
  )
}

interface TipItem {
  color: string
  seriesName: string
  seriesIndex: number
  name: string
  value: number | null | [string, number]
}

function option(spec: ChartSpec): EChartsCoreOption {
  const isDark = currentTheme() === 'dark'
  const colours = isDark ? dark : light
  const ink = isDark ? '#d8e1ee' : '#1c2735'
  const quiet = isDark ? '#9fb0c6' : '#556172'
  const line = isDark ? '#2b3b54' : '#e2e7ee'
  const wall = document.documentElement.classList.contains('zg-wall')
  const fontSize = wall ? 16 : 12
  const text = { color: quiet, fontSize, fontFamily: getComputedStyle(document.body).fontFamily }
  const unitOf = (index: number): string => spec.series[index]?.unit ?? spec.unit ?? ''
  const valueText = (value: TipItem['value'], index: number): string => `${numberText(Array.isArray(value) ? value[1] : value)} ${unitOf(index)}`.trim()
  const tooltip = {
    backgroundColor: isDark ? '#1d2c44' : '#fff',
    borderColor: isDark ? '#3a4e6d' : '#d8dee7',
    textStyle: { color: ink, fontSize },
    confine: true,
    formatter: (given: TipItem | TipItem[]) => {
      const items = Array.isArray(given) ? given : [given]
      const head = items[0]
      if (!head) return ''
      const title = spec.type === 'calendar' && Array.isArray(head.value) ? head.value[0] : head.name
      return tooltipBox(title, items.map((item) => [item.color, item.seriesName, valueText(item.value, item.seriesIndex)]))
    },
  }
  const base = { color: colours, textStyle: text, animationDuration: 300 }
  if (spec.type === 'pie') {
    const values = spec.series[0]?.data ?? []
    return {
      ...base,
      tooltip: { ...tooltip, trigger: 'item' },
      legend: { type: 'scroll', orient: 'vertical', right: 8, top: 'middle', textStyle: text, itemWidth: 12, itemHeight: 12 },
      series: [
        {
          type: 'pie',
          name: spec.series[0]?.name ?? spec.title,
          radius: ['48%', '74%'],
          center: ['34%', '50%'],
          label: { show: false },
          itemStyle: { borderColor: isDark ? '#131e2f' : '#fff', borderWidth: 2 },
          data: spec.x.map((name, index) => ({ name, value: values[index] })),
        },
      ],
    }
  }
  if (spec.type === 'calendar') {
    const values = spec.series[0]?.data ?? []
    const top = Math.max(1, ...values.map((value) => value ?? 0))
    return {
      ...base,
      tooltip: { ...tooltip, trigger: 'item' },
      visualMap: { min: 0, max: top, orient: 'horizontal', right: 8, top: 0, itemWidth: 12, itemHeight: 80, textStyle: text, text: [numberText(top), '0'], inRange: { color: isDark ? ['#18253a', '#6ea8f5'] : ['#eef3fb', '#1b4f99'] } },
      calendar: {
        range: [spec.x[0], spec.x[spec.x.length - 1]],
        left: 36, right: 8, top: 56, bottom: 8,
        cellSize: ['auto', 15],
        splitLine: { lineStyle: { color: quiet } },
        itemStyle: { color: 'transparent', borderColor: line },
        dayLabel: { nameMap: ['日', '一', '二', '三', '四', '五', '六'], firstDay: 1, color: quiet, fontSize },
        monthLabel: { nameMap: ['1月', '2月', '3月', '4月', '5月', '6月', '7月', '8月', '9月', '10月', '11月', '12月'], color: quiet, fontSize },
        yearLabel: { show: false },
      },
      series: [{ type: 'heatmap', name: spec.series[0]?.name ?? spec.title, coordinateSystem: 'calendar', data: spec.x.map((day, index) => [day, values[index] ?? 0]) }],
    }
  }
  const many = spec.series.length > 1
  // Of several thresholds the lowest is named below its line: close ones would cover each other.
  const lowest = spec.marks && spec.marks.length > 1 ? Math.min(...spec.marks.map((mark) => mark.value)) : undefined
  const rightAxis = spec.series.some((one) => one.axis === 'right')
  const words = { type: 'category', data: spec.x, axisLabel: { ...text, hideOverlap: true }, axisTick: { show: false }, axisLine: { lineStyle: { color: quiet } }, inverse: spec.horizontal ?? false }
  const amounts = { type: 'value', name: spec.horizontal ? undefined : spec.unit, nameTextStyle: { ...text, align: 'left' }, axisLabel: { ...text, formatter: (value: number) => numberText(value) }, splitLine: { lineStyle: { color: line } }, minInterval: spec.unit && /次|辆|条|件|人|单/.test(spec.unit) ? 1 : undefined }
  const values = rightAxis ? [amounts, { ...amounts, name: spec.series.find((one) => one.axis === 'right')?.unit, splitLine: { show: false } }] : amounts
  return {
    ...base,
    tooltip: { ...tooltip, trigger: 'axis', axisPointer: { type: spec.type === 'bar' ? 'shadow' : 'line' } },
    legend: many ? { type: 'scroll', top: 0, right: 0, textStyle: text, itemWidth: 14, itemHeight: 8 } : { show: false },
    grid: { left: 4, right: spec.horizontal ? 28 : 12, top: many || (spec.unit && !spec.horizontal) ? 32 : 8, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: spec.horizontal ? amounts : words,
    yAxis: spec.horizontal ? words : values,
    series: spec.series.map((one, index) => ({
      type: one.type ?? spec.type,
      name: one.name,
      data: one.data,
      stack: spec.stack ? 'all' : undefined,
      yAxisIndex: one.axis === 'right' && !spec.horizontal ? 1 : 0,
      smooth: false,
      symbol: spec.x.length > 40 ? 'none' : 'circle',
      symbolSize: 5,
      barMaxWidth: 28,
      connectNulls: false,
      lineStyle: { width: 2 },
      areaStyle: one.area ? { opacity: 0.12 } : undefined,
      cursor: spec.hrefs ? 'pointer' : 'default',
      markLine: index === 0 && spec.marks?.length ? { symbol: 'none', silent: true, lineStyle: { color: isDark ? '#ff8f86' : '#b8281f', type: 'dashed' }, data: spec.marks.map((mark) => ({ [spec.horizontal ? 'xAxis' : 'yAxis']: mark.value, label: { formatter: `${mark.title} ${numberText(mark.value)}`, position: mark.value === lowest ? 'insideEndBottom' : 'insideEndTop', color: isDark ? '#ff8f86' : '#b8281f' } })) } : undefined,
    })),
  }
}

export function dataTable(spec: ChartSpec): HTMLElement {
  const head = el('tr', {}, el('th', { scope: 'col', text: spec.type === 'calendar' ? '日期' : '项目' }), ...spec.series.map((one) => el('th', { scope: 'col', class: 'num', text: `${one.name}${(one.unit ?? spec.unit) ? `（${one.unit ?? spec.unit}）` : ''}` })))
  const body = spec.x.map((word, index) => {
    const href = spec.hrefs?.[index]
    return el('tr', {}, el('th', { scope: 'row' }, href ? el('a', { href, text: word }) : word), ...spec.series.map((one) => el('td', { class: 'num', text: numberText(one.data[index]) })))
  })
  return el('div', { class: 'table-responsive zg-chart-table', tabindex: 0, role: 'region', 'aria-label': `${spec.title}数据表` }, el('table', { class: 'table table-sm' }, el('caption', { class: 'visually-hidden', text: spec.title }), el('thead', {}, head), el('tbody', {}, ...body)))
}

/** Draws a chart into `root`. `update` replaces the figures; `end` frees everything. */
export function drawChart(root: HTMLElement, first: ChartSpec): { update: (spec: ChartSpec) => void; end: () => void } {
  let spec = first
  const plot = el('div', { class: 'zg-chart-plot', role: 'img' })
  plot.style.height = `${spec.height ?? (spec.type === 'calendar' ? 180 : 260)}px`
  const details = el('details', { class: 'zg-chart-data' }, el('summary', { text: '查看数据表' }))
  details.open = spec.table === 'open'
  root.append(plot)
  if (spec.table !== 'hidden') root.append(details)
  let chart: EChartsType | null = null
  const draw = (): void => {
    plot.setAttribute('aria-label', `${spec.title}：${spec.series.map((one) => one.name).join('、')}，共 ${spec.x.length} 项，数据见数据表`)
    details.querySelector('.zg-chart-table')?.remove()
    details.append(dataTable(spec))
    chart?.setOption(option(spec), true)
  }
  chart = init(plot, undefined, { renderer: 'canvas' })
  chart.on('click', (event) => {
    const href = spec.hrefs?.[(event as { dataIndex: number }).dataIndex]
    if (href) location.assign(href)
  })
  draw()
  const watch = new ResizeObserver(() => chart?.resize())
  watch.observe(plot)
  document.addEventListener('zg:theme', draw)
  return {
    update(next) {
      spec = next
      draw()
    },
    end() {
      watch.disconnect()
      document.removeEventListener('zg:theme', draw)
      chart?.dispose()
    },
  }
}
