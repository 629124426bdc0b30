/**
 * 驾驶员的出车页面 on a shaky network: a step that cannot be sent stays on the device and goes when the network is back.
 * Each step carries a key made here, so that sending it twice does it once. What is being typed survives a reload.
 */
import { el, memory } from '../shared/dom'
import { readProblem } from '../modules/problem'
import { toast } from '../modules/toast'

interface Config {
  order: number
  version: number
}

interface Kept {
  url: string
  fields: [string, string][]
  title: string
  at: number
}

const SIDE = 1600
const RETRY_MS = 8000
const WAIT_MS = 20_000

const newKey = (): string => (crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`).slice(0, 40)

/** A photo of a phone has ten megabytes; two hundred kilobytes show an odometer as well. */
async function smaller(file: File): Promise<File> {
  if (!file.type.startsWith('image/') || file.size < 400_000) return file
  try {
    const picture = await createImageBitmap(file)
    const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height))
    const canvas = el('canvas', { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) })
    canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height)
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.8))
    return blob ? new File([blob], file.name.replace(/\.\w+$/, '') + '.jpg', { type: 'image/jpeg' }) : file
  } catch {
    return file
  }
}

function place(): Promise<GeolocationPosition | null> {
  return new Promise((resolve) => {
    if (!navigator.geolocation) return resolve(null)
    navigator.geolocation.getCurrentPosition(resolve, () => resolve(null), { timeout: 4000, maximumAge: 30_000 })
  })
}

export function mount(root: HTMLElement, config: Config): () => void {
  const shelf = `zg.drive.${config.order}`
  const line = root.querySelector<HTMLElement>('[data-queue]')
  const queue = (): Kept[] => JSON.parse(memory.get(shelf) ?? '[]') as Kept[]
  const keep = (kept: Kept[]): void => memory.set(shelf, JSON.stringify(kept))
  let sending = false

  function tell(): void {
    if (!line) return
    const kept = queue()
    line.hidden = kept.length === 0
    line.textContent = kept.length ? `网络不通，有 ${kept.length} 步保存在本机（${kept.map((each) => each.title).join('、')}），联网后自动提交，请不要清除浏览器数据。` : ''
  }

  async function post(url: string, fields: [string, string][], photos: File[]): Promise<string> {
    const body = new FormData()
    for (const [name, value] of fields) body.append(name, value)
    for (const photo of photos) body.append('photo', photo)
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), WAIT_MS + photos.length * WAIT_MS)
    const token = document.querySelector<HTMLMetaElement>('meta[name=csrf-token]')?.content ?? ''
    try {
      const response = await fetch(url, { method: 'POST', body, signal: stop.signal, headers: { Accept: 'application/json', 'X-CSRFToken': token } })
      const text = await response.text()
      if (response.status >= 502) throw new TypeError('unavailable')
      if (!response.ok) throw readProblem(response.status, response.headers.get('content-type') ?? '', text)
      return (JSON.parse(text) as { url: string }).url
    } finally {
      clearTimeout(timer)
    }
  }

  const offline = (error: unknown): boolean => error instanceof TypeError || (error as Error).name === 'AbortError'

  /** Sends what was kept, the oldest first; what the server refuses is told and dropped, or it would block the rest. */
  async function flush(): Promise<void> {
    if (sending) return
    sending = true
    let done = false
    let where = ''
    try {
      for (let kept = queue(); kept[0]; kept = queue()) {
        const first = kept[0]
        try {
          where = await post(first.url, first.fields, [])
          done = true
        } catch (error) {
          if (offline(error)) break
          const problem = error as { detail?: string }
          toast(problem.detail ?? '没有办理。', 'warning', { title: `“${first.title}”没有办理`, keep: 0 })
        }
        keep(queue().slice(1))
      }
    } finally {
      sending = false
      tell()
    }
    if (done && !queue().length) location.assign(where || location.href)
  }

  async function step(form: HTMLFormElement, button: HTMLElement | null): Promise<void> {
    const title = button?.textContent?.trim() ?? '办理'
    const data = new FormData(form)
    const photos: File[] = []
    for (const file of data.getAll('photo')) if (file instanceof File && file.size) photos.push(await smaller(file))
    const fields: [string, string][] = [...data].filter((pair): pair is [string, string] => typeof pair[1] === 'string' && pair[0] !== 'csrfmiddlewaretoken')
    fields.push(['at', String(Date.now())])
    if (form.hasAttribute('data-place')) {
      const found = await place()
      if (found) fields.push(['lat', String(found.coords.latitude)], ['lon', String(found.coords.longitude)])
    }
    try {
      const where = await post(form.action, fields, photos)
      forget(form)
      location.assign(where)
    } catch (error) {
      if (!offline(error)) {
        const problem = error as { detail?: string; title?: string }
        toast(problem.detail ?? '没有办理。', 'danger', { title: problem.title })
        return
      }
      if (photos.length) {
        toast('网络不通。照片较大，不能保存在本机，请联网后再点一次；填写的内容已保留。', 'warning', { keep: 0 })
        return
      }
      keep([...queue(), { url: form.action, fields, title, at: Date.now() }])
      forget(form)
      tell()
    }
  }

  // Drafts: what is typed is written down at once and put back after a reload.
  const draft = (form: HTMLFormElement): string => `${shelf}.${form.dataset.draft ?? ''}`
  function forget(form: HTMLFormElement): void {
    if (form.dataset.draft) memory.set(draft(form), '')
  }
  for (const form of root.querySelectorAll<HTMLFormElement>('form[data-draft]')) {
    const kept = memory.get(draft(form))
    const known = kept ? (JSON.parse(kept) as Record<string, string>) : {}
    for (const [name, value] of Object.entries(known)) {
      const control = form.elements.namedItem(name)
      if (control instanceof RadioNodeList) control.value = value
      else if (control instanceof HTMLInputElement && control.type !== 'file' && control.type !== 'hidden') control.value = value
      else if (control instanceof HTMLTextAreaElement || control instanceof HTMLSelectElement) control.value = value
    }
    form.addEventListener('input', () => {
      const now: Record<string, string> = {}
      for (const [name, value] of new FormData(form)) if (typeof value === 'string' && !['csrfmiddlewaretoken', 'key', 'act'].includes(name)) now[name] = value
      memory.set(draft(form), JSON.stringify(now))
    })
  }
  for (const field of root.querySelectorAll<HTMLInputElement>('[data-key]')) field.value = newKey()
  root.addEventListener('click', (event) => {
    const button = (event.target as Element).closest('[data-all-ok]')
    if (!button) return
    const form = button.closest('form')
    form?.querySelectorAll<HTMLInputElement>('input[type=radio][value=ok]').forEach((radio) => (radio.checked = true))
    form?.dispatchEvent(new Event('input', { bubbles: true }))
  })
  const submit = (event: SubmitEvent): void => {
    const form = event.target as HTMLFormElement
    if (!form.matches('[data-step]')) return
    event.preventDefault()
    event.stopPropagation()
    if (form.dataset.busy) return
    if (!form.reportValidity()) return
    form.dataset.busy = '1'
    event.submitter?.classList.add('btn-loading')
    void step(form, event.submitter).finally(() => {
      delete form.dataset.busy
      event.submitter?.classList.remove('btn-loading')
    })
  }
  root.addEventListener('submit', submit)
  const back = (): void => void flush()
  window.addEventListener('online', back)
  const timer = setInterval(() => queue().length && void flush(), RETRY_MS)
  tell()
  if (queue().length) void flush()
  return () => {
    clearInterval(timer)
    window.removeEventListener('online', back)
  }
}
