/** What of bpmn-js the modeller uses: our attributes in its files, Chinese titles, and only the elements our engine runs. */

/** Attributes of `urn:zhiguan:flow`, told to the reader and writer of files so that they survive editing. */
const text = (name: string): object => ({ name, isAttr: true, type: 'String' })
export const descriptor = {
  name: 'Zhiguan',
  uri: 'urn:zhiguan:flow',
  prefix: 'zg',
  xml: { tagAlias: 'lowerCase' },
  types: [
    { name: 'Step', extends: ['bpmn:UserTask'], properties: ['stage', 'who', 'mode', 'days', 'outcomes', 'edit', 'hide', 'not', 'ops', 'opinion', 'bulk'].map(text) },
    { name: 'Act', extends: ['bpmn:ServiceTask'], properties: [text('do')] },
    { name: 'Rule', extends: ['bpmn:BusinessRuleTask'], properties: [text('decision')] },
  ],
}

export interface Moddle {
  id: string
  $type: string
  name?: string
  get: (name: string) => unknown
  sourceRef?: Moddle
  default?: Moddle
  conditionExpression?: { body?: string }
  documentation?: { text?: string }[]
}

export interface Shape {
  id: string
  type: string
  businessObject: Moddle
  source?: Shape
  labelTarget?: Shape
}

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface Services {
  canvas: { zoom: (to?: string | number, at?: unknown) => number; addMarker: (id: string, name: string) => void; removeMarker: (id: string, name: string) => void; scrollToElement: (id: string) => void; getRootElement: () => Shape; viewbox: (box?: Box) => Box & { inner: Box; outer: Box } }
  elementRegistry: { get: (id: string) => Shape | undefined; filter: (test: (shape: Shape) => boolean) => Shape[] }
  selection: { get: () => Shape[]; select: (shape: Shape) => void }
  modeling: { updateProperties: (shape: Shape, values: Record<string, unknown>) => void }
  commandStack: { undo: () => void; redo: () => void; canUndo: () => boolean; canRedo: () => boolean }
  moddle: { create: (type: string, values: Record<string, unknown>) => Moddle }
  eventBus: { on: (name: string, run: (event: { newSelection?: Shape[]; element?: Shape }) => void) => void }
}

const WORDS: Record<string, string> = {
  'Activate hand tool': '拖动画布', 'Activate lasso tool': '框选', 'Activate create/remove space tool': '撑开或收紧', 'Activate global connect tool': '连线',
  'Connect to other element': '连线到其他元素', 'Connect using association': '连接到元素', 'Add text annotation': '添加批注', 'Append end event': '后接结束',
  'Append gateway': '后接网关', Delete: '删除', 'Drag to resize': '拖动改变大小', 'Search in diagram': '在图中查找', 'No results found': '没有找到',
}
export const chinese = {
  translate: ['value', (template: string, values: Record<string, string> = {}): string => (WORDS[template] ?? template).replace(/{([^}]+)}/g, (_, key: string) => values[key] ?? '')],
}

/** Kind of element → its Chinese name and the sign in the font of bpmn-js. */
export const OFFERED: [type: string, title: string, sign: string][] = [
  ['bpmn:StartEvent', '开始', 'bpmn-icon-start-event-none'],
  ['bpmn:UserTask', '人工步骤', 'bpmn-icon-user-task'],
  ['bpmn:ServiceTask', '系统动作', 'bpmn-icon-service-task'],
  ['bpmn:BusinessRuleTask', '决策表', 'bpmn-icon-business-rule-task'],
  ['bpmn:ExclusiveGateway', '排他网关', 'bpmn-icon-gateway-xor'],
  ['bpmn:InclusiveGateway', '包容网关', 'bpmn-icon-gateway-or'],
  ['bpmn:ParallelGateway', '并行网关', 'bpmn-icon-gateway-parallel'],
  ['bpmn:EndEvent', '结束', 'bpmn-icon-end-event-none'],
]
export const titleOf = (type: string): string => OFFERED.find(([code]) => code === type)?.[1] ?? { 'bpmn:SequenceFlow': '连线', 'bpmn:TextAnnotation': '批注', 'bpmn:Process': '流程' }[type] ?? '元素'

type Entry = Record<string, unknown>
type Entries = Record<string, Entry>
interface Making {
  createShape: (about: { type: string }) => Shape
}
interface Starting {
  start: (event: Event, shape: Shape, more?: object) => void
}
interface Placing {
  append: (source: Shape, shape: Shape) => void
}
interface Providers {
  registerProvider: (...about: unknown[]) => void
}

const TOOLS = ['hand-tool', 'lasso-tool', 'space-tool', 'global-connect-tool', 'tool-separator']
const KEPT = ['connect', 'delete', 'append.text-annotation']

function Offering(this: object, palette: Providers, contextPad: Providers, popupMenu: Providers, create: Starting, elementFactory: Making, autoPlace: Placing): void {
  // A later provider (lower priority) sees the entries of the earlier ones and may leave them out.
  palette.registerProvider(500, {
    getPaletteEntries: () => (entries: Entries) => {
      const found: Entries = {}
      for (const name of TOOLS) if (entries[name]) found[name] = entries[name]
      for (const [type, title, sign] of OFFERED) {
        const start = (event: Event): void => create.start(event, elementFactory.createShape({ type }))
        found[`create.${type}`] = { group: 'elements', className: sign, title, action: { dragstart: start, click: start } }
      }
      return found
    },
  })
  contextPad.registerProvider(500, {
    getContextPadEntries: (source: Shape) => (entries: Entries) => {
      const found: Entries = {}
      if (entries['append.end-event']) {
        for (const [type, title, sign] of OFFERED.slice(1)) {
          const drag = (event: Event): void => create.start(event, elementFactory.createShape({ type }), { source })
          const append = (): void => autoPlace.append(source, elementFactory.createShape({ type }))
          found[`append.${type}`] = { group: 'model', className: sign, title: `后接${title}`, action: { dragstart: drag, click: append } }
        }
      }
      for (const name of KEPT) if (entries[name]) found[name] = entries[name]
      return found
    },
    getMultiElementContextPadEntries: () => (entries: Entries) => (entries['delete'] ? { delete: entries['delete'] } : {}),
  })
  popupMenu.registerProvider('bpmn-replace', 500, { getPopupMenuEntries: () => () => ({}), getPopupMenuHeaderEntries: () => () => ({}) })
}
Offering.$inject = ['palette', 'contextPad', 'popupMenu', 'create', 'elementFactory', 'autoPlace']
export const offering = { __init__: ['zgOffering'], zgOffering: ['type', Offering] }
