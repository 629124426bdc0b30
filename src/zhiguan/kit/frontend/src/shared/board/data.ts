/** The dispatch board's data as the server sends it, its clock and its one way to act. Times are minutes since 1970. */
import { csrfToken } from '../dom'
import { readProblem } from '../../modules/problem'

export interface Order {
  id: number
  code: string
  version: number
  state: 'requested' | 'approved' | 'dispatched' | 'started' | 'ended'
  vehicle: number | null
  driver: number | null
  from: number
  to: number
  purpose: string
  origin: string
  destination: string
  persons: number
  unit: string
  who: string
  urgent: boolean
  accepted: boolean
  host: number | null
  driver_name: string
  body: string
  pooled: boolean
  unratified: boolean
}

export interface Vehicle {
  id: number
  plate: string
  body: string
  seats: number
  unit: string
  pool: string
  rented: boolean
  off: string
}

export interface Driver {
  id: number
  name: string
  unit: string
  phone: string
  until: number | null
}

export interface Board {
  from: number
  to: number
  now: number
  vehicles: Vehicle[]
  drivers: Driver[]
  orders: Order[]
  waiting: Order[]
  upkeeps: { vehicle: number; from: number; to: number }[]
  cut: boolean
}

export interface Ranked {
  id: number
  title: string
  fits: boolean
  reasons: string[]
}

export interface Advice {
  cars: Ranked[]
  drivers: Ranked[]
  sharing: { id: number; code: string; reasons: string[] }[]
  alternatives: string[]
}

/** A row of the chart: a vehicle or a driver. */
export interface Row {
  id: number
  title: string
  note: string
  off: string
  seats: number
}

const SHANGHAI_MIN = 480
const two = (value: number): string => String(value).padStart(2, '0')

function parts(minute: number): Date {
  return new Date((minute + SHANGHAI_MIN) * 60_000)
}

export function clockText(minute: number): string {
  const at = parts(minute)
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
}

export function dayText(minute: number): string {
  const at = parts(minute)
  return `${at.getUTCMonth() + 1}月${at.getUTCDate()}日`
}

export const weekday = (minute: number): string => '日一二三四五六'[parts(minute).getUTCDay()] ?? ''

export function spanText(from: number, to: number): string {
  return dayText(from) === dayText(to) ? `${dayText(from)} ${clockText(from)}–${clockText(to)}` : `${dayText(from)} ${clockText(from)} – ${dayText(to)} ${clockText(to)}`
}

/** Value of a datetime-local input. */
export const inputText = (minute: number): string => parts(minute).toISOString().slice(0, 16)
export const fromInput = (text: string): number => Math.round(Date.parse(`${text}:00+08:00`) / 60_000)

export class Refused extends Error {}

/** Does one act; throws `Refused` with the server's words when it will not be done. */
export async function act(url: string, body: Record<string, unknown>): Promise<Order> {
  let response: Response
  try {
    response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrfToken() }, body: JSON.stringify(body) })
  } catch {
    throw new Refused('网络不通，没有办理。请检查网络后重试。')
  }
  const text = await response.text()
  if (!response.ok) {
    const problem = readProblem(response.status, response.headers.get('content-type') ?? '', text)
    throw new Refused(problem.detail ?? problem.title ?? '没有办理。')
  }
  return (JSON.parse(text) as { order: Order }).order
}
