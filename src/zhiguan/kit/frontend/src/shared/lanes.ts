/** The day as a strip: lanes of blocks over a speed curve, with a needle. */
import { currentTheme } from '../modules/theme'
import { el } from './dom'
import { minuteText } from './format'

export interface Lane {
  title: string
  kind: string
  blocks: { start: number; end: number; title: string }[]
}

export const speedClasses = [
  { below: 5, title: '5 以下', colour: '#8a94a3' },
  { below: 30, title: '5–30', colour: '#2b8a57' },
  { below: 60, title: '30–60', colour: '#1d6fd1' },
  { below: 90, title: '60–90', colour: '#c77700' },
  { below: Infinity, title: '90 以上 km/h', colour: '#c2352b' },
]

interface StripOptions {
  first: number
  last: number
  lanes: Lane[]
  points: { t: number[]; speed: number[] }
  onSeek: (moment: number) => void
}

export function timelineLanes(options: StripOptions): { element: HTMLElement; move: (moment: number) => void; redraw: () => void } {
  const { first, last, points } = options
  const span = Math.max(1, last - first)
  const share = (moment: number): number => Math.min(1, Math.max(0, (moment - first) / span))
  const needle = el('div', { class: 'zg-strip-needle', 'aria-hidden': 'true' })
  const curve = el('canvas', { class: 'zg-strip-curve', 'aria-hidden': 'true' })
  const hours = el('div', { class: 'zg-strip-hours', 'aria-hidden': 'true' })
  const body = el('div', { class: 'zg-strip-body' }, curve)
  for (const lane of options.lanes) {
    const row = el('div', { class: `zg-strip-lane zg-strip-${lane.kind}` })
    for (const block of lane.blocks) {
      // Reached by mouse only: the event list offers the same moments to the keyboard.
      const box = el('button', { type: 'button', tabindex: -1, 'aria-hidden': 'true', title: `${minuteText(block.start)} ${block.title}`, onclick: (event) => { event.stopPropagation(); options.onSeek(block.start) } })
      box.style.left = `${share(block.start) * 100}%`
      box.style.width = `${Math.max(0, share(block.end) - share(block.start)) * 100}%`
      row.append(box)
    }
    body.append(row)
  }
  body.append(needle)
  const every = [600, 1800, 3600, 7200, 10800].find((seconds) => span / seconds <= 10) ?? 14400
  for (let moment = Math.ceil(first / every) * every; moment <= last; moment += every) {
    const mark = el('span', { text: minuteText(moment) })
    mark.style.left = `${share(moment) * 100}%`
    hours.append(mark)
  }
  const names = el('div', { class: 'zg-strip-names' }, el('span', { text: '速度' }), ...options.lanes.map((lane) => el('span', { text: lane.title })))
  const element = el('div', { class: 'zg-strip' }, names, el('div', { class: 'zg-strip-plot' }, body, hours))
  body.addEventListener('click', (event) => {
    const box = body.getBoundingClientRect()
    options.onSeek(first + ((event.clientX - box.left) / box.width) * span)
  })

  function redraw(): void {
    const width = curve.clientWidth
    const height = curve.clientHeight
    const pen = curve.getContext('2d')
    if (!pen || !width) return
    const ratio = window.devicePixelRatio || 1
    curve.width = width * ratio
    curve.height = height * ratio
    pen.scale(ratio, ratio)
    // The highest speed of each pixel column, so that short bursts stay visible.
    const columns = new Float32Array(width)
    let top = 60
    points.t.forEach((moment, index) => {
      const column = Math.min(width - 1, Math.floor(share(moment) * width))
      const speed = points.speed[index] ?? 0
      columns[column] = Math.max(columns[column] ?? 0, speed)
      top = Math.max(top, speed)
    })
    const dark = currentTheme() === 'dark'
    columns.forEach((speed, x) => {
      if (!speed) return
      pen.fillStyle = speedClasses.find((one) => speed < one.below)?.colour ?? '#888'
      pen.globalAlpha = dark ? 0.95 : 0.85
      const high = Math.max(1, (speed / top) * (height - 1))
      pen.fillRect(x, height - high, 1, high)
    })
  }
  new ResizeObserver(redraw).observe(curve)
  return { element, redraw, move: (moment) => (needle.style.left = `${share(moment) * 100}%`) }
}
