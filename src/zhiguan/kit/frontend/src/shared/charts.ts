/** Charts by Chart.js, with only the parts used. The same figures stand in a table beside each chart. */
import { BarController, BarElement, CategoryScale, Chart, type ChartConfiguration, Filler, Legend, LinearScale, LineController, LineElement, PointElement, Title, Tooltip } from 'chart.js'
import { currentTheme } from '../modules/theme'
import { el } from './dom'
import { numberText } from './format'

Chart.register(BarController, BarElement, CategoryScale, Filler, Legend, LinearScale, LineController, LineElement, PointElement, Title, Tooltip)

export interface ChartSpec {
  type: 'line' | 'bar'
  title: string
  unit?: string
  /** Words of the axis. */
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

type Config = ChartConfiguration<'bar' | 'line', (number | null)[], string>

const light = ['#1b5fb8', '#d08a1d', '#2b8a57', '#7a57b5', '#c2352b', '#14838f', '#7d8796', '#a3561f']
const dark = ['#6ea8f5', '#f0b75a', '#5cc78a', '#b59af0', '#ff8f86', '#55c5d2', '#a9b7ca', '#d69a6a']

/** Threshold lines across the plot, each with its name and value at the line's end. */
function thresholds(spec: ChartSpec, colour: string, font: string): NonNullable<Config['plugins']>[number] {
  const marks = spec.marks ?? []
  // Of several thresholds the lowest is named below its line: close ones would cover each other.
  const lowest = marks.length > 1 ? Math.min(...marks.map((mark) => mark.value)) : undefined
  return {
    id: 'thresholds',
    afterDatasetsDraw({ ctx, chartArea: { left, right, top, bottom }, scales }) {
      ctx.save()
      ctx.strokeStyle = ctx.fillStyle = colour
      ctx.font = font
      ctx.textAlign = 'right'
      for (const mark of marks) {
        const at = (spec.horizontal ? scales.x : scales.y)?.getPixelForValue(mark.value) ?? 0
        const below = mark.value === lowest
        ctx.setLineDash([5, 4])
        ctx.beginPath()
        if (spec.horizontal) {
          ctx.moveTo(at, top)
          ctx.lineTo(at, bottom)
        } else {
          ctx.moveTo(left, at)
          ctx.lineTo(right, at)
        }
        ctx.stroke()
        ctx.textBaseline = spec.horizontal || below ? 'top' : 'bottom'
        ctx.fillText(`${mark.title} ${numberText(mark.value)}`, spec.horizontal ? at - 4 : right - 4, spec.horizontal ? top : at + (below ? 3 : -3))
      }
      ctx.restore()
    },
  }
}

function config(spec: ChartSpec, animated: boolean): Config {
  const isDark = currentTheme() === 'dark'
  const colours = isDark ? dark : light
  const ink = isDark ? '#d8e1ee' : '#1c2735'
  const quiet = isDark ? '#9fb0c6' : '#556172'
  const line = isDark ? '#2b3b54' : '#e2e7ee'
  const size = document.documentElement.classList.contains('zg-wall') ? 16 : 12
  const family = getComputedStyle(document.body).fontFamily
  const font = { size, family }
  const many = spec.series.length > 1
  const right = spec.horizontal ? undefined : spec.series.find((one) => one.axis === 'right')
  const sides = right ? [spec.unit && `左轴：${spec.unit}`, right.unit && `右轴：${right.unit}`] : [spec.unit && `单位：${spec.unit}`]
  const units = sides.filter(Boolean).join('　')
  // A few pairs of bars in a wide plot stand together, category by category.
  const apart = many && !spec.stack && spec.x.length < 8
  const values = spec.marks?.map((mark) => mark.value)
  const amounts = {
    type: 'linear' as const,
    beginAtZero: true,
    stacked: spec.stack,
    suggestedMax: values && Math.max(...values),
    border: { display: false },
    grid: { color: line, drawTicks: false },
    ticks: { color: quiet, font, padding: 6, maxTicksLimit: 7, precision: spec.unit && /次|辆|条|件|人|单/.test(spec.unit) ? 0 : undefined, callback: (value: number | string) => numberText(Number(value)) },
  }
  const words = {
    type: 'category' as const,
    stacked: spec.stack,
    border: { color: quiet },
    grid: { display: false },
    ticks: { color: quiet, font, padding: 4, maxRotation: 0, autoSkipPadding: 8 },
  }
  return {
    type: spec.type,
    data: {
      labels: spec.x,
      datasets: spec.series.map((one, index) => {
        const type = one.type ?? spec.type
        const colour = colours[index % colours.length] ?? quiet
        return {
          type,
          label: one.name,
          data: one.data,
          yAxisID: one === right ? 'y1' : 'y',
          order: type === 'line' ? 0 : 1, // lines are drawn over bars
          backgroundColor: type === 'line' && one.area ? `${colour}1f` : colour,
          borderColor: colour,
          borderWidth: type === 'line' ? 2 : 0,
          fill: type === 'line' && one.area === true,
          pointRadius: spec.x.length > 40 ? 0 : 2.5,
          pointBackgroundColor: colour,
          maxBarThickness: 28,
          categoryPercentage: apart ? 0.45 : 0.8,
        }
      }),
    },
    options: {
      indexAxis: spec.horizontal ? 'y' : 'x',
      maintainAspectRatio: false,
      animation: animated && !matchMedia('(prefers-reduced-motion: reduce)').matches && { duration: 300 },
      interaction: { mode: 'index', axis: spec.horizontal ? 'y' : 'x', intersect: false },
      scales: {
        x: spec.horizontal ? amounts : words,
        y: spec.horizontal ? words : amounts,
        ...(right && { y1: { ...amounts, position: 'right' as const, grid: { display: false }, ticks: { ...amounts.ticks, precision: 0 } } }),
      },
      plugins: {
        legend: { display: many, align: 'end', labels: { color: quiet, font, boxWidth: 14, boxHeight: 8, padding: 8, sort: (a, b) => (a.datasetIndex ?? 0) - (b.datasetIndex ?? 0) } },
        // A weight below the legend's puts it between legend and plot.
        title: { display: units !== '', text: units, align: 'start', color: quiet, font: { ...font, weight: 'normal' }, padding: { top: 0, bottom: 6 }, ...{ weight: 500 } },
        tooltip: {
          backgroundColor: isDark ? '#1d2c44' : '#fff',
          borderColor: isDark ? '#3a4e6d' : '#d8dee7',
          borderWidth: 1,
          padding: 10,
          boxPadding: 4,
          usePointStyle: true,
          titleColor: ink,
          bodyColor: ink,
          titleFont: font,
          bodyFont: font,
          itemSort: (a, b) => a.datasetIndex - b.datasetIndex,
          callbacks: {
            label: ({ datasetIndex, dataIndex }) => {
              const one = spec.series[datasetIndex]
              return `${one?.name ?? ''}：${numberText(one?.data[dataIndex])} ${one?.unit ?? spec.unit ?? ''}`.trim()
            },
            labelColor: ({ dataset }) => ({ backgroundColor: String(dataset.borderColor), borderColor: String(dataset.borderColor) }),
            labelPointStyle: () => ({ pointStyle: 'circle', rotation: 0 }),
          },
        },
      },
      onClick: (_, found) => {
        const href = spec.hrefs?.[found[0]?.index ?? -1]
        if (href) location.assign(href)
      },
      onHover: (_, found, chart) => {
        chart.canvas.style.cursor = spec.hrefs?.[found[0]?.index ?? -1] ? 'pointer' : 'default'
      },
    },
    plugins: [thresholds(spec, isDark ? '#ff8f86' : '#b8281f', `${size}px ${family}`)],
  }
}

export function dataTable(spec: ChartSpec): HTMLElement {
  const head = el('tr', {}, el('th', { scope: 'col', text: '项目' }), ...spec.series.map((one) => el('th', { scope: 'col', class: 'num', text: `${one.name}${(one.unit ?? spec.unit) ? `（${one.unit ?? spec.unit}）` : ''}` })))
  const body = spec.x.map((word, index) => {
    const href = spec.hrefs?.[index]
    return el('tr', {}, el('th', { scope: 'row' }, href ? el('a', { href, text: word }) : word), ...spec.series.map((one) => el('td', { class: 'num', text: numberText(one.data[index]) })))
  })
  return el('div', { class: 'table-responsive zg-chart-table', tabindex: 0, role: 'region', 'aria-label': `${spec.title}数据表` }, el('table', { class: 'table table-sm' }, el('caption', { class: 'visually-hidden', text: spec.title }), el('thead', {}, head), el('tbody', {}, ...body)))
}

/** Draws a chart into `root`. `update` replaces the figures; `end` frees everything. */
export function drawChart(root: HTMLElement, first: ChartSpec): { update: (spec: ChartSpec) => void; end: () => void } {
  let spec = first
  const canvas = el('canvas')
  const plot = el('div', { class: 'zg-chart-plot', role: 'img' }, canvas)
  plot.style.height = `${spec.height ?? 260}px`
  const details = el('details', { class: 'zg-chart-data' }, el('summary', { text: '查看数据表' }))
  details.open = spec.table === 'open'
  root.append(plot)
  if (spec.table !== 'hidden') root.append(details)
  let chart: Chart<'bar' | 'line', (number | null)[], string> | undefined
  const draw = (): void => {
    plot.setAttribute('aria-label', `${spec.title}：${spec.series.map((one) => one.name).join('、')}，共 ${spec.x.length} 项，数据见数据表`)
    details.querySelector('.zg-chart-table')?.remove()
    details.append(dataTable(spec))
    const animated = chart === undefined
    chart?.destroy()
    chart = new Chart(canvas, config(spec, animated))
  }
  draw()
  document.addEventListener('zg:theme', draw)
  return {
    update(next) {
      spec = next
      draw()
    },
    end() {
      document.removeEventListener('zg:theme', draw)
      chart?.destroy()
    },
  }
}
