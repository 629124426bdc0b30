/** Numbers and moments as Chinese office users read them; moments are shown in Asia/Shanghai. */
const zone = 'Asia/Shanghai'
const clock = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const short = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const full = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const plain = new Intl.NumberFormat('zh-CN', { maximumFractionDigits: 2 })

/** Seconds since 1970, or an ISO text, as a Date. */
export function moment(value: number | string): Date {
  return typeof value === 'number' ? new Date(value * 1000) : new Date(value)
}

export const timeText = (value: number | string): string => clock.format(moment(value))
export const minuteText = (value: number | string): string => short.format(moment(value))
export const momentText = (value: number | string): string => full.format(moment(value))

export function numberText(value: number | string | null | undefined): string {
  if (value === null || value === undefined || value === '') return '—'
  return typeof value === 'number' ? plain.format(value) : value
}

export function durationText(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  if (minutes < 1) return `${Math.round(seconds)} 秒`
  return minutes < 60 ? `${minutes} 分钟` : `${Math.floor(minutes / 60)} 小时${minutes % 60 ? ` ${minutes % 60} 分` : ''}`
}

export const distanceText = (metres: number): string => (metres < 1000 ? `${Math.round(metres)} 米` : `${(metres / 1000).toFixed(1)} 公里`)

const winds = ['北', '东北', '东', '东南', '南', '西南', '西', '西北']
export const headingText = (degrees: number): string => winds[Math.round((((degrees % 360) + 360) % 360) / 45) % 8] ?? ''
