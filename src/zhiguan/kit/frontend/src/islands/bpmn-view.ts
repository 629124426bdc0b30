/** 流程图: a process as it is drawn, whole and legible, with the steps that were done and the one where the case stands. */
import Viewer from 'bpmn-js/lib/Viewer'
import 'bpmn-js/dist/assets/bpmn-js.css'
import 'bpmn-js/dist/assets/diagram-js.css'
import { el } from '../shared/dom'

interface Config {
  xml: string
  /** The same process drawn for a phone; without it the drawing is somebody's own. */
  narrow?: string
  done: string[]
  open: string[]
  undone: string[]
}

interface Box {
  x: number
  y: number
  width: number
  height: number
}

interface Canvas {
  resized: () => void
  viewbox: (to?: Box) => Box & { inner: Box }
  addMarker: (id: string, name: string) => void
}

const NARROW = 640
const MARGIN = 20
/** Smaller than this nobody can read a step's name: then one scrolls sideways. */
const LEAST = 0.6

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const sheet = el('div', {})
  const scroller = el('div', { class: 'zg-bpmn-canvas', role: 'group', 'aria-label': '流程图', tabindex: 0 }, sheet)
  const tools = el('div', { class: 'zg-bpmn-tools' })
  root.append(tools, scroller)
  const viewer = new Viewer({ container: sheet })
  await viewer.importXML(config.narrow && root.clientWidth < NARROW ? config.narrow : config.xml)
  const canvas = viewer.get('canvas') as Canvas
  const mark = (ids: string[], name: string): void => {
    for (const id of ids) {
      try {
        canvas.addMarker(id, name)
      } catch {
        // A step of another version of the process is not in this drawing.
      }
    }
  }
  mark(config.undone.filter((id) => !config.open.includes(id) && !config.done.includes(id)), 'zg-bpmn-undone')
  mark(config.done, 'zg-bpmn-done')
  mark(config.open, 'zg-bpmn-open')
  const { inner } = canvas.viewbox()
  const whole = { x: inner.x - MARGIN, y: inner.y - MARGIN, width: inner.width + 2 * MARGIN, height: inner.height + 2 * MARGIN }
  let scale = 1
  const show = (wanted: number): void => {
    scale = Math.min(2, Math.max(0.2, wanted))
    sheet.style.width = `${Math.floor(whole.width * scale)}px`
    sheet.style.height = `${Math.floor(whole.height * scale)}px`
    canvas.resized()
    canvas.viewbox(whole)
  }
  const fit = (): void => {
    if (scroller.clientWidth === 0) return
    show(Math.min(1, Math.max(LEAST, scroller.clientWidth / whole.width)))
    const at = config.open.length ? sheet.querySelector(`[data-element-id="${CSS.escape(config.open[0])}"]`) : null
    if (at) {
      const step = at.getBoundingClientRect()
      scroller.scrollLeft += step.left + step.width / 2 - scroller.getBoundingClientRect().left - scroller.clientWidth / 2
    }
  }
  fit()
  const button = (text: string, title: string, act: () => void): HTMLElement => el('button', { class: 'btn btn-sm', type: 'button', title, 'aria-label': title, text, onclick: act })
  tools.append(
    button('＋', '放大', () => show(scale * 1.25)),
    button('－', '缩小', () => show(scale / 1.25)),
    button('适应', '适应窗口', fit),
  )
  return () => viewer.destroy()
}
