/** One chart: <div data-chart='{…}'>, <div data-chart-src="/url">, or <div data-island="chart"> with a JSON script. */
import { type ChartSpec, drawChart } from '../shared/charts'

interface Config extends Partial<ChartSpec> {
  src?: string
  /** Draws again from `src` every so many seconds. */
  refresh_seconds?: number
}

async function load(url: string): Promise<ChartSpec> {
  const response = await fetch(url, { headers: { Accept: 'application/json' } })
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return (await response.json()) as ChartSpec
}

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const src = config.src ?? root.dataset.chartSrc
  root.classList.add('zg-chart')
  const spec = src ? await load(src) : (config as ChartSpec)
  const chart = drawChart(root, spec)
  const seconds = config.refresh_seconds ?? Number(root.dataset.chartRefresh ?? 0)
  const timer = src && seconds ? window.setInterval(() => !document.hidden && void load(src).then(chart.update, () => undefined), seconds * 1000) : 0
  return () => {
    clearInterval(timer)
    chart.end()
  }
}
