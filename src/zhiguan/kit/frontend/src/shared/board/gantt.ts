/** The chart: one row per vehicle or driver, orders as bars. Only rows in sight are in the page. */
import { el } from '../dom'
import { type Board, clockText, dayText, type Order, type Row, spanText, weekday } from './data'

const ROW = 40
const HEAD = 34
const LABEL = 168
const STEP = 15
const STATES: Record<string, string> = { dispatched: '已派车', started: '出车中', ended: '已收车' }

export interface Drop {
  order: Order
  row: Row | null
  from: number
  to: number
  kind: 'place' | 'move' | 'resize'
}

export interface GanttEvents {
  drop: (drop: Drop) => void
  open: (order: Order) => void
  refused: (why: string) => void
}

interface Drag {
  order: Order
  kind: 'place' | 'move' | 'resize'
  x: number
  y: number
  ghost: HTMLElement | null
  row: Row | null
  from: number
  to: number
  why: string
  source: HTMLElement
}

export class Gantt {
  private readonly inner = el('div', { class: 'zg-gantt-inner' })
  private readonly head = el('div', { class: 'zg-gantt-head', 'aria-hidden': 'true' })
  private readonly line = el('div', { class: 'zg-gantt-now', 'aria-hidden': 'true' })
  private rows: Row[] = []
  private bars = new Map<number, Order[]>()
  private shown = new Map<number, HTMLElement>()
  private board: Board | null = null
  private by: 'vehicle' | 'driver' = 'vehicle'
  private scale = 1
  private drag: Drag | null = null
  private readonly watch: ResizeObserver

  constructor(
    readonly root: HTMLElement,
    private readonly on: GanttEvents,
  ) {
    root.tabIndex = -1
    root.append(this.inner)
    root.addEventListener('scroll', () => this.draw(), { passive: true })
    this.watch = new ResizeObserver(() => this.board && this.show(this.board, this.rows, this.by))
    this.watch.observe(root)
    root.addEventListener('pointerdown', (event) => this.grab(event))
    document.addEventListener('pointermove', this.move)
    document.addEventListener('pointerup', this.up)
    document.addEventListener('keydown', this.escape)
  }

  get busy(): boolean {
    return this.drag !== null
  }

  close(): void {
    this.watch.disconnect()
    document.removeEventListener('pointermove', this.move)
    document.removeEventListener('pointerup', this.up)
    document.removeEventListener('keydown', this.escape)
  }

  show(board: Board, rows: Row[], by: 'vehicle' | 'driver'): void {
    this.board = board
    this.rows = rows
    this.by = by
    const minutes = board.to - board.from
    this.scale = Math.max((this.root.clientWidth - LABEL - 2) / minutes, minutes > 1440 ? 0.11 : 0.47)
    this.bars = new Map()
    for (const order of board.orders) {
      const key = order[by]
      if (key === null) continue
      const known = this.bars.get(key)
      if (known) known.push(order)
      else this.bars.set(key, [order])
    }
    this.inner.style.width = `${LABEL + minutes * this.scale}px`
    this.inner.style.height = `${HEAD + rows.length * ROW}px`
    this.inner.replaceChildren(this.head, this.line)
    this.shown.clear()
    this.drawHead(minutes)
    this.draw()
  }

  private x(minute: number): number {
    return LABEL + (minute - (this.board?.from ?? 0)) * this.scale
  }

  private drawHead(minutes: number): void {
    const board = this.board!
    const step = minutes > 1440 ? 1440 : this.scale < 0.9 ? 120 : 60
    const marks: HTMLElement[] = [el('span', { class: 'zg-gantt-corner', text: this.by === 'vehicle' ? '车辆' : '驾驶员' })]
    for (let at = board.from; at < board.to; at += step) {
      const mark = el('span', { class: 'zg-gantt-mark', text: minutes > 1440 ? `${dayText(at)} 周${weekday(at)}` : clockText(at) })
      mark.style.left = `${this.x(at)}px`
      mark.style.width = `${step * this.scale}px`
      marks.push(mark)
    }
    this.head.replaceChildren(...marks)
    this.inner.style.setProperty('--zg-step', `${step * this.scale}px`)
    const inside = board.now >= board.from && board.now < board.to
    this.line.hidden = !inside
    this.line.style.left = `${this.x(board.now)}px`
  }

  private draw(): void {
    if (!this.board) return
    const first = Math.max(0, Math.floor((this.root.scrollTop - HEAD) / ROW) - 6)
    const last = Math.min(this.rows.length, Math.ceil((this.root.scrollTop + this.root.clientHeight) / ROW) + 6)
    for (const [index, node] of this.shown) {
      if ((index < first || index >= last) && !node.contains(document.activeElement) && !this.drag) {
        node.remove()
        this.shown.delete(index)
      }
    }
    const made: HTMLElement[] = []
    for (let index = first; index < last; index++) {
      if (this.shown.has(index)) continue
      const node = this.row(this.rows[index]!, index)
      this.shown.set(index, node)
      made.push(node)
    }
    this.inner.append(...made)
  }

  private row(row: Row, index: number): HTMLElement {
    const board = this.board!
    const node = el('div', { class: `zg-gantt-row${row.off ? ' zg-off' : ''}`, 'data-row': row.id, role: 'group', 'aria-label': `${row.title} ${row.note}${row.off ? ` ${row.off}` : ''}` })
    node.style.top = `${HEAD + index * ROW}px`
    node.append(el('div', { class: 'zg-gantt-label', title: `${row.title} ${row.note}` }, el('strong', { text: row.title }), el('small', { text: row.off ? `${row.off} · ${row.note}` : row.note })))
    if (this.by === 'vehicle')
      for (const each of board.upkeeps) if (each.vehicle === row.id) node.append(this.block(each.from, each.to, '维修保养'))
    for (const order of this.bars.get(row.id) ?? []) node.append(this.bar(order))
    return node
  }

  private block(from: number, to: number, title: string): HTMLElement {
    const node = el('div', { class: 'zg-gantt-block', title, text: title })
    node.style.left = `${this.x(from)}px`
    node.style.width = `${Math.max((to - from) * this.scale, 4)}px`
    return node
  }

  private bar(order: Order): HTMLElement {
    const board = this.board!
    const from = Math.max(order.from, board.from)
    const to = Math.min(order.to, board.to)
    const words = `${order.destination} · ${order.unit}`
    const node = el(
      'button',
      {
        type: 'button',
        class: `zg-bar zg-bar-${order.state}${order.accepted ? '' : ' zg-bar-unaccepted'}${order.urgent ? ' zg-bar-urgent' : ''}${order.host ? ' zg-bar-rider' : ''}`,
        'data-order': order.id,
        title: `${order.code} ${STATES[order.state] ?? ''}${order.state === 'dispatched' ? (order.accepted ? '（已接单）' : '（未接单）') : ''}\n${spanText(order.from, order.to)}\n${order.origin} → ${order.destination}\n${order.unit} ${order.who}，${order.persons} 人\n${order.driver_name}`,
        'aria-label': `${order.code} ${STATES[order.state] ?? ''} ${spanText(order.from, order.to)} ${words}，按回车办理`,
        onclick: () => this.on.open(order),
      },
      el('span', { text: words }),
    )
    if (order.state !== 'ended' && !order.host && order.to <= board.to) node.append(el('i', { class: 'zg-bar-end', 'aria-hidden': 'true' }))
    node.style.left = `${this.x(from)}px`
    node.style.width = `${Math.max((to - from) * this.scale - 2, 8)}px`
    return node
  }

  /** Lets a card outside of the chart be dragged onto it. */
  take(card: HTMLElement, order: Order): void {
    card.addEventListener('pointerdown', (event) => {
      if (event.button === 0 && event.pointerType !== 'touch' && !(event.target as Element).closest('button,a')) this.begin(event, order, 'place', card)
    })
  }

  private grab(event: PointerEvent): void {
    const node = (event.target as Element).closest<HTMLElement>('.zg-bar')
    const order = node && this.board?.orders.find((each) => each.id === Number(node.dataset.order))
    if (!node || !order || event.button !== 0 || event.pointerType === 'touch' || order.state === 'ended') return
    const end = (event.target as Element).classList.contains('zg-bar-end')
    if (order.state === 'started' && !end) return
    this.begin(event, order, end ? 'resize' : 'move', node)
  }

  private begin(event: PointerEvent, order: Order, kind: Drag['kind'], source: HTMLElement): void {
    this.drag = { order, kind, x: event.clientX, y: event.clientY, ghost: null, row: null, from: order.from, to: order.to, why: '', source }
  }

  private readonly move = (event: PointerEvent): void => {
    const drag = this.drag
    if (!drag) return
    if (!drag.ghost) {
      if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < 5) return
      drag.ghost = document.body.appendChild(el('div', { class: 'zg-ghost', 'aria-hidden': 'true' }))
      document.body.classList.add('zg-dragging')
      drag.source.classList.add('zg-dragged')
    }
    event.preventDefault()
    const box = this.root.getBoundingClientRect()
    const inside = event.clientX > box.left && event.clientX < box.right && event.clientY > box.top + HEAD && event.clientY < box.bottom
    const index = Math.floor((event.clientY - box.top + this.root.scrollTop - HEAD) / ROW)
    const row = inside ? (this.rows[index] ?? null) : null
    const shift = Math.round((event.clientX - drag.x) / this.scale / STEP) * STEP
    const { order } = drag
    if (drag.kind === 'resize') {
      drag.row = this.rows.find((each) => each.id === order[this.by]) ?? null
      drag.to = Math.max(order.from + STEP, order.to + shift)
    } else if (drag.kind === 'move') {
      drag.row = row
      const same = row?.id === order[this.by]
      drag.from = same ? order.from + shift : order.from
      drag.to = same ? order.to + shift : order.to
    } else drag.row = row
    drag.why = drag.row ? this.conflict(order, drag.row, drag.from, drag.to) : ''
    for (const node of this.shown.values()) node.classList.toggle('zg-target', drag.row !== null && Number(node.dataset.row) === drag.row.id)
    drag.ghost.classList.toggle('zg-bad', drag.why !== '')
    drag.ghost.replaceChildren(el('strong', { text: drag.row ? drag.row.title : '拖到一行上' }), el('span', { text: spanText(drag.from, drag.to) }), drag.why ? el('em', { text: drag.why }) : '')
    drag.ghost.style.transform = `translate(${event.clientX + 14}px, ${event.clientY + 14}px)`
    if (inside && event.clientY > box.bottom - 30) this.root.scrollTop += 12
    if (inside && event.clientY < box.top + HEAD + 24) this.root.scrollTop -= 12
  }

  private readonly up = (): void => {
    const drag = this.drag
    if (!drag) return
    this.end()
    if (!drag.ghost) return
    // The click that follows a drag must not open the bar.
    const swallow = (event: Event): void => {
      event.stopPropagation()
      event.preventDefault()
    }
    window.addEventListener('click', swallow, { capture: true, once: true })
    setTimeout(() => window.removeEventListener('click', swallow, { capture: true }), 0)
    if (!drag.row) return
    if (drag.why) return this.on.refused(drag.why)
    if (drag.kind !== 'place' && drag.row.id === drag.order[this.by] && drag.from === drag.order.from && drag.to === drag.order.to) return
    this.on.drop({ order: drag.order, row: drag.row, from: drag.from, to: drag.to, kind: drag.kind })
  }

  private readonly escape = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && this.drag) this.end()
  }

  private end(): void {
    this.drag?.ghost?.remove()
    this.drag?.source.classList.remove('zg-dragged')
    this.drag = null
    document.body.classList.remove('zg-dragging')
    for (const node of this.shown.values()) node.classList.remove('zg-target')
  }

  /** Says why an order cannot stand there, as far as the board knows; the database has the last word. */
  conflict(order: Order, row: Row, from: number, to: number): string {
    if (row.off) return `${row.title} ${row.off}，不能派车`
    if (this.by === 'vehicle' && order.persons + 1 > row.seats) return `${row.title} 核定 ${row.seats} 座（含驾驶员），坐不下 ${order.persons} 人`
    const other = (this.bars.get(row.id) ?? []).find((each) => each.id !== order.id && each.state !== 'ended' && !each.host && each.from < to && each.to > from)
    if (other) return `${row.title} 该时段已有派车单 ${other.code}（${spanText(other.from, other.to)}）`
    const upkeep = this.by === 'vehicle' && this.board?.upkeeps.find((each) => each.vehicle === row.id && each.from < to && each.to > from)
    return upkeep ? `${row.title} 该时段计划维修保养` : ''
  }
}
