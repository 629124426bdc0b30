/** File upload with progress: form[data-upload], with or without htmx; drop zone label[data-drop]; size and type checked before sending. */
import { csrfToken, el, near } from '../shared/dom'
import { readProblem, showProblem } from './problem'
import { toast } from './toast'

export function readableSize(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
}

function bar(form: HTMLFormElement): { set: (loaded: number, total: number) => void; done: () => void } {
  const place = form.querySelector<HTMLElement>('[data-upload-progress]') ?? form.appendChild(el('div', { 'data-upload-progress': true }))
  const progress = el('progress', { class: 'zg-upload-bar', max: 100, value: 0, 'aria-label': '上传进度' })
  const text = el('span', { class: 'zg-upload-text', role: 'status' })
  place.replaceChildren(progress, text)
  return {
    set(loaded, total) {
      const percent = total ? Math.round((loaded / total) * 100) : 0
      progress.value = percent
      text.textContent = percent < 100 ? `正在上传 ${percent}%（${readableSize(loaded)} / ${readableSize(total)}）` : '上传完成，正在检查…'
    },
    done: () => place.replaceChildren(),
  }
}

const bars = new WeakMap<HTMLFormElement, ReturnType<typeof bar>>()

function refuse(input: HTMLInputElement, file: File): string | null {
  const limit = Number(input.dataset.maxBytes ?? 0)
  if (limit && file.size > limit) return `“${file.name}”有 ${readableSize(file.size)}，超过 ${readableSize(limit)} 的限制。`
  const accepted = input.accept.split(',').map((part) => part.trim().toLowerCase()).filter((part) => part.startsWith('.'))
  if (accepted.length && !accepted.some((ending) => file.name.toLowerCase().endsWith(ending))) {
    return `“${file.name}”的格式不在允许范围内（${accepted.join('、')}）。`
  }
  return file.size === 0 ? `“${file.name}”是空文件。` : null
}

function chosen(input: HTMLInputElement): void {
  const zone = input.closest<HTMLElement>('[data-drop]')
  const problem = [...(input.files ?? [])].map((file) => refuse(input, file)).find(Boolean)
  if (problem) {
    toast(problem, 'warning', { title: '文件不能上传', keep: 10000 })
    input.value = ''
  }
  const name = zone?.querySelector('[data-drop-name]')
  if (name) name.textContent = [...(input.files ?? [])].map((file) => `${file.name}（${readableSize(file.size)}）`).join('、')
  zone?.classList.toggle('zg-drop-filled', Boolean(input.files?.length))
}

function send(form: HTMLFormElement, submitter: HTMLElement | null): void {
  const progress = bar(form)
  const request = new XMLHttpRequest()
  const done = (): void => {
    progress.done()
    form.dispatchEvent(new Event('zg:release', { bubbles: true }))
  }
  request.open('POST', form.action)
  request.setRequestHeader('X-CSRFToken', csrfToken())
  request.upload.addEventListener('progress', (event) => progress.set(event.loaded, event.total))
  request.addEventListener('error', () => {
    done()
    toast('请检查网络后重试，文件没有上传。', 'danger', { title: '网络连接失败' })
  })
  request.addEventListener('load', () => {
    const type = request.getResponseHeader('Content-Type') ?? ''
    if (request.status < 400 && /json/.test(type)) {
      location.assign((JSON.parse(request.responseText) as { url: string }).url)
      return
    }
    if (/html/.test(type) && request.status < 500) {
      if (request.status < 400 && new URL(request.responseURL).pathname !== new URL(form.action).pathname) {
        location.assign(request.responseURL)
        return
      }
      // The same page drawn again with its errors: take over its main part.
      const main = new DOMParser().parseFromString(request.responseText, 'text/html').querySelector('#main')
      const old = document.querySelector('#main')
      if (main && old) {
        old.replaceWith(main)
        document.dispatchEvent(new CustomEvent('htmx:load', { detail: { elt: main } }))
        main.scrollIntoView()
        return
      }
    }
    done()
    showProblem(readProblem(request.status, type, request.responseText))
  })
  request.send(new FormData(form, submitter as HTMLButtonElement | null))
}

export function initUpload(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target as HTMLFormElement
    if (!form.matches('form[data-upload]') || form.hasAttribute('hx-post') || event.defaultPrevented) return
    event.preventDefault()
    send(form, event.submitter)
  })
  document.addEventListener('htmx:xhr:progress', (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>('form[data-upload]')
    const { loaded, total } = (event as CustomEvent<{ loaded: number; total: number }>).detail
    if (!form) return
    if (!bars.has(form)) bars.set(form, bar(form))
    bars.get(form)?.set(loaded, total)
  })
  document.addEventListener('htmx:afterRequest', (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>('form[data-upload]')
    if (!form) return
    bars.get(form)?.done()
    bars.delete(form)
  })
  document.addEventListener('change', (event) => {
    const input = near<HTMLInputElement>(event, 'input[type=file]')
    if (input) chosen(input)
  })
  for (const name of ['dragover', 'dragleave', 'drop'] as const) {
    document.addEventListener(name, (event) => {
      const zone = near(event, '[data-drop]')
      if (!zone) return
      event.preventDefault()
      zone.classList.toggle('zg-drop-over', name === 'dragover')
      const input = zone.querySelector<HTMLInputElement>('input[type=file]')
      if (name === 'drop' && input && event.dataTransfer?.files.length) {
        input.files = event.dataTransfer.files
        chosen(input)
      }
    })
  }
}
