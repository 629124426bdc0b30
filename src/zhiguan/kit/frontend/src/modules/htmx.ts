/** htmx 2: CSRF header, page progress, errors in Chinese, form errors (422) shown in place. */
import htmx from 'htmx.org'
import { csrfToken } from '../shared/dom'
import { readProblem, showProblem } from './problem'
import { toast } from './toast'

interface RequestDetail {
  xhr: XMLHttpRequest
  elt: Element
  headers: Record<string, string>
  verb: string
  shouldSwap: boolean
  isError: boolean
}

const detail = (event: Event): RequestDetail => (event as CustomEvent<RequestDetail>).detail

let running = 0

function progress(step: number): void {
  running = Math.max(0, running + step)
  const bar = document.querySelector<HTMLElement>('[data-page-progress]')
  if (bar) bar.hidden = running === 0
}

export function initHtmx(): void {
  // Set here too: a page without the meta element must not fall back to eval.
  htmx.config.allowEval = false
  htmx.config.includeIndicatorStyles = false
  htmx.config.selfRequestsOnly = true
  htmx.config.allowScriptTags = false

  document.addEventListener('htmx:configRequest', (event) => {
    if (detail(event).verb !== 'get') detail(event).headers['X-CSRFToken'] = csrfToken()
  })
  document.addEventListener('htmx:beforeSend', () => progress(1))
  document.addEventListener('htmx:afterRequest', () => progress(-1))
  document.addEventListener('htmx:beforeSwap', (event) => {
    const { xhr } = detail(event)
    const html = /text\/html/.test(xhr.getResponseHeader('Content-Type') ?? '')
    if (xhr.status === 422 && html) {
      detail(event).shouldSwap = true
      detail(event).isError = false
    }
  })
  document.addEventListener('htmx:responseError', (event) => {
    const { xhr } = detail(event)
    showProblem(readProblem(xhr.status, xhr.getResponseHeader('Content-Type') ?? '', xhr.responseText))
  })
  document.addEventListener('htmx:sendError', () => toast('请检查网络后重试，已填写的内容仍在本页。', 'danger', { title: '网络连接失败' }))
  document.addEventListener('htmx:timeout', () => toast('系统没有及时响应，请稍后重试。', 'danger', { title: '响应超时' }))
}
