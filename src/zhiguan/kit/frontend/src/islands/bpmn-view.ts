/** 流程图: a process as it is drawn, with the steps that were done and the one where the case stands. */
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer'
import 'bpmn-js/dist/assets/bpmn-js.css'
import 'bpmn-js/dist/assets/diagram-js.css'
import { el } from '../shared/dom'

interface Config {
  xml: string
  done: string[]
  open: string[]
  undone: string[]
}

interface Canvas {
  zoom: (to?: string | number, at?: unknown) => number
  addMarker: (id: string, name: string) => void
}

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  const canvasAt = el('div', { class: 'zg-bpmn-canvas', role: 'group', 'aria-label': '流程图，可以拖动和缩放' })
  const tools = el('div', { class: 'zg-bpmn-tools' })
  root.append(canvasAt, tools)
  const viewer = new NavigatedViewer({ container: canvasAt })
  await viewer.importXML(config.xml)
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
  const fit = (): void => {
    if (canvasAt.clientWidth > 0) canvas.zoom('fit-viewport', 'auto')
  }
  fit()
  const button = (text: string, title: string, act: () => void): HTMLElement => el('button', { class: 'btn btn-sm', type: 'button', title, 'aria-label': title, text, onclick: act })
  tools.append(
    button('＋', '放大', () => canvas.zoom(canvas.zoom() * 1.25)),
    button('－', '缩小', () => canvas.zoom(canvas.zoom() / 1.25)),
    button('适应', '适应窗口', fit),
  )
  return () => viewer.destroy()
}
