/** 编辑流程: the modeller of bpmn-js with our own panel; only what the engine runs is offered, the server checks everything. */
import 'bpmn-js/dist/assets/bpmn-js.css'
import 'bpmn-js/dist/assets/diagram-js.css'
import 'bpmn-js/dist/assets/bpmn-font/css/bpmn.css'
import '../styles/model.css'
import { readProblem, showProblem } from '../modules/problem'
import { toast } from '../modules/toast'
import { chinese, descriptor, offering, type Services } from '../shared/bpmn/model'
import { Panel, type Words } from '../shared/bpmn/panel'
import { csrfToken, el, icon } from '../shared/dom'

interface Config extends Words {
  xml: string
  version: number
  save_url: string
}

interface Fault {
  text: string
  at: string
}

interface Answer {
  faults?: Fault[]
  doubts?: Fault[]
  version?: number
  title?: string
  detail?: string
}

interface Drawing {
  importXML: (xml: string) => Promise<unknown>
  saveXML: (options: { format: boolean }) => Promise<{ xml?: string }>
  get: (name: string) => unknown
  destroy: () => void
}

export async function mount(root: HTMLElement, config: Config): Promise<() => void> {
  // A phone has neither the room nor the pointer to draw: there the process is for reading.
  const locked = window.matchMedia('(max-width: 767.98px)').matches
  const canvasAt = el('div', { class: 'zg-model-canvas', 'aria-label': '流程图编辑区', role: 'application' })
  const panelAt = el('aside', { class: 'zg-model-panel', 'aria-label': '属性' })
  const found = el('section', { class: 'zg-model-found', 'aria-label': '检查结果', hidden: true })
  const said = el('span', { class: 'zg-model-said', role: 'status' })
  const bar = el('div', { class: 'zg-model-bar', role: 'toolbar', 'aria-label': '编辑工具' })
  root.append(bar, found, el('div', { class: 'zg-model-room' }, canvasAt, panelAt))

  const { default: Drawer } = locked ? await import('bpmn-js/lib/NavigatedViewer') : await import('bpmn-js/lib/Modeler')
  const options = { container: canvasAt, moddleExtensions: { zg: descriptor }, additionalModules: locked ? [chinese] : [chinese, offering] }
  const drawing = new Drawer(options as never) as unknown as Drawing
  await drawing.importXML(config.xml)
  const service = <K extends keyof Services>(name: K): Services[K] => drawing.get(name) as Services[K]
  const services = {
    canvas: service('canvas'), elementRegistry: service('elementRegistry'), selection: service('selection'), moddle: service('moddle'), eventBus: service('eventBus'),
    ...(locked ? {} : { modeling: service('modeling'), commandStack: service('commandStack') }),
  } as Services

  const checkCondition = async (text: string): Promise<string> => {
    const answer = await fetch(`${config.save_url.replace(/save\/$/, 'condition/')}?text=${encodeURIComponent(text)}`, { headers: { Accept: 'application/json' } })
    if (!answer.ok) return '暂时不能检查，保存时再检查。'
    const read = (await answer.json()) as { fault: string; unknown?: string[] }
    return read.fault || (read.unknown?.length ? `没有名称“${read.unknown.join('、')}”，请核对。` : '')
  }
  const panel = new Panel(panelAt, config, services, locked, checkCondition)
  panel.show(undefined)
  services.eventBus.on('selection.changed', (event) => panel.show(event.newSelection?.length === 1 ? event.newSelection[0] : undefined))

  const beside = locked ? 10 : 110 // what the palette covers, in pixels
  /** Shows the whole drawing, or from its beginning where the whole would be too small to read. */
  const fit = (least = 0): void => {
    const { inner, outer } = services.canvas.viewbox()
    if (!outer.width || !inner.width) return
    const scale = Math.max(least, Math.min(1, (outer.width - beside - 20) / inner.width, (outer.height - 40) / inner.height))
    const tall = inner.height * scale > outer.height - 40
    const y = tall ? inner.y - 20 / scale : inner.y + inner.height / 2 - outer.height / scale / 2
    services.canvas.viewbox({ x: inner.x - beside / scale, y, width: outer.width / scale, height: outer.height / scale })
  }
  fit(0.65)
  const button = (text: string, sign: string, act: () => void, extra = ''): HTMLButtonElement => el('button', { type: 'button', class: `btn ${extra}`, onclick: act }, icon(sign), text)
  const zooms = [button('放大', 'zoom-in', () => services.canvas.zoom(services.canvas.zoom() * 1.25)), button('缩小', 'zoom-out', () => services.canvas.zoom(services.canvas.zoom() / 1.25)), button('看全图', 'maximize', () => fit())]
  if (locked) {
    bar.append(...zooms)
    return () => drawing.destroy()
  }

  let version = config.version
  let dirty = false
  let marked: string[] = []
  const show = (faults: Fault[], doubts: Fault[]): void => {
    for (const id of marked) if (services.elementRegistry.get(id)) services.canvas.removeMarker(id, 'zg-bpmn-fault')
    marked = faults.map((fault) => fault.at).filter((id) => services.elementRegistry.get(id))
    for (const id of marked) services.canvas.addMarker(id, 'zg-bpmn-fault')
    found.hidden = !faults.length && !doubts.length
    const line = (fault: Fault, kind: string): HTMLElement => {
      const shape = fault.at ? services.elementRegistry.get(fault.at) : undefined
      const text = shape
        ? el('button', { type: 'button', class: 'btn btn-link p-0 text-start', text: fault.text, onclick: () => { services.selection.select(shape); services.canvas.scrollToElement(shape.id) } })
        : el('span', { text: fault.text })
      return el('li', {}, el('span', { class: `badge bg-${kind === '问题' ? 'red' : 'yellow'}-lt me-2`, text: kind }), text)
    }
    found.replaceChildren(el('ul', {}, ...faults.map((each) => line(each, '问题')), ...doubts.map((each) => line(each, '提醒'))))
  }
  const send = async (act: 'check' | 'save'): Promise<void> => {
    // A field that is being typed in is taken over when it is left.
    if (document.activeElement instanceof HTMLElement && panelAt.contains(document.activeElement)) document.activeElement.blur()
    const { xml = '' } = await drawing.saveXML({ format: true })
    const body = new FormData()
    for (const [name, value] of Object.entries({ act, bpmn: xml, version: String(version) })) body.append(name, value)
    said.textContent = act === 'save' ? '正在保存…' : '正在检查…'
    try {
      const answer = await fetch(config.save_url, { method: 'POST', body, headers: { 'X-CSRFToken': csrfToken(), Accept: 'application/json' } })
      const text = await answer.text()
      const read = (/json/.test(answer.headers.get('Content-Type') ?? '') ? JSON.parse(text) : {}) as Answer
      if (read.faults) show(read.faults, read.doubts ?? [])
      if (!answer.ok) {
        said.textContent = '没有保存。'
        if (read.faults) toast(read.detail ?? '', 'danger', { title: read.title })
        else showProblem(readProblem(answer.status, answer.headers.get('Content-Type') ?? '', text))
      } else if (act === 'save') {
        version = read.version ?? version
        dirty = false
        said.textContent = `已保存 ${new Date().toLocaleTimeString('zh-CN', { hour: '2-digit', minute: '2-digit' })}`
      } else said.textContent = read.faults?.length ? `有 ${read.faults.length} 处问题。` : '没有发现问题。'
    } catch {
      said.textContent = '网络不通，没有保存，内容仍在本页。'
    }
  }
  const undo = button('撤销', 'arrow-back-up', () => services.commandStack.undo())
  const redo = button('重做', 'refresh', () => services.commandStack.redo())
  const steps = (): void => {
    undo.disabled = !services.commandStack.canUndo()
    redo.disabled = !services.commandStack.canRedo()
  }
  steps()
  services.eventBus.on('commandStack.changed', () => {
    dirty = true
    said.textContent = '有未保存的修改。'
    steps()
  })
  bar.append(undo, redo, ...zooms, button('检查', 'checks', () => void send('check')), button('保存', 'device-floppy', () => void send('save'), 'btn-primary'), said)
  const keys = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
      event.preventDefault()
      void send('save')
    }
  }
  const leave = (event: BeforeUnloadEvent): void => {
    if (dirty) event.preventDefault()
  }
  document.addEventListener('keydown', keys)
  window.addEventListener('beforeunload', leave)
  return () => {
    document.removeEventListener('keydown', keys)
    window.removeEventListener('beforeunload', leave)
    drawing.destroy()
  }
}
