/** Confirmation with an optional or required reason, for links, forms, submit buttons and htmx elements with data-confirm. */
import { el, near } from '../shared/dom'

const passed = new WeakSet<Element>()
const reasons = new WeakMap<Element, [name: string, value: string]>()

interface Question {
  title: string
  text: string
  ok: string
  danger: boolean
  reason: 'none' | 'optional' | 'required'
}

function question(source: HTMLElement): Question {
  const { confirm, confirmTitle, confirmOk, reason } = source.dataset
  return {
    title: confirmTitle ?? '请确认',
    text: confirm ?? '',
    ok: confirmOk ?? '确定',
    danger: 'confirmDanger' in source.dataset,
    reason: reason === undefined ? 'none' : reason === 'optional' ? 'optional' : 'required',
  }
}

/** Asks; null means no, a string (maybe empty) is the reason. */
export function ask(asked: Question): Promise<string | null> {
  const dialog = document.querySelector<HTMLDialogElement>('[data-confirm-dialog]')
  if (!dialog) return Promise.resolve(window.confirm(asked.text) ? '' : null)
  const part = <T extends HTMLElement>(name: string): T => dialog.querySelector<T>(`[data-confirm-${name}]`)!
  const area = dialog.querySelector('textarea')!
  const error = dialog.querySelector<HTMLElement>('.zg-field-error')!
  part('title').textContent = asked.title
  part('text').textContent = asked.text
  part('reason').hidden = asked.reason === 'none'
  part('required').hidden = asked.reason !== 'required'
  area.value = ''
  area.required = asked.reason === 'required'
  area.classList.remove('is-invalid')
  error.textContent = ''
  const ok = part<HTMLButtonElement>('ok')
  ok.textContent = asked.ok
  ok.className = `btn ${asked.danger ? 'btn-danger' : 'btn-primary'}`
  dialog.classList.toggle('zg-dialog-danger', asked.danger)
  return new Promise((resolve) => {
    const form = dialog.querySelector('form')!
    const done = (answer: string | null): void => {
      form.removeEventListener('submit', submit)
      dialog.removeEventListener('close', cancel)
      part('cancel').removeEventListener('click', cancel)
      if (dialog.open) dialog.close()
      resolve(answer)
    }
    const cancel = (): void => done(null)
    const submit = (event: Event): void => {
      event.preventDefault()
      const text = area.value.trim()
      if (asked.reason === 'required' && text.length < 2) {
        area.classList.add('is-invalid')
        error.textContent = '请填写办理原因（不少于 2 个字）。'
        area.focus()
        return
      }
      done(text)
    }
    form.addEventListener('submit', submit)
    dialog.addEventListener('close', cancel)
    part('cancel').addEventListener('click', cancel)
    dialog.showModal()
    ;(asked.reason === 'none' ? (asked.danger ? part('cancel') : ok) : area).focus()
  })
}

function keepReason(form: HTMLFormElement, source: HTMLElement, reason: string): void {
  if (source.dataset.reason === undefined) return
  const name = source.dataset.reasonName ?? 'reason'
  const field = form.elements.namedItem(name)
  if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.value = reason
  else form.append(el('input', { type: 'hidden', name, value: reason }))
}

export function initConfirm(): void {
  document.addEventListener(
    'submit',
    (event) => {
      const form = event.target as HTMLFormElement
      const submitter = event.submitter
      const source = submitter?.matches('[data-confirm]') ? submitter : form.matches('[data-confirm]') ? form : null
      if (!source || passed.delete(source)) return
      event.preventDefault()
      event.stopImmediatePropagation()
      void ask(question(source)).then((reason) => {
        if (reason === null) return
        keepReason(form, source, reason)
        passed.add(source)
        form.requestSubmit(submitter)
      })
    },
    true,
  )
  document.addEventListener(
    'click',
    (event) => {
      const link = near<HTMLAnchorElement>(event, 'a[data-confirm]:not([hx-get],[hx-post],[hx-delete])')
      if (!link) return
      event.preventDefault()
      void ask(question(link)).then((reason) => {
        if (reason !== null) location.assign(link.href)
      })
    },
    true,
  )
  document.addEventListener('htmx:confirm', (event) => {
    const { elt, issueRequest } = (event as CustomEvent<{ elt: HTMLElement; issueRequest: (skip: boolean) => void }>).detail
    if (!elt.matches('[data-confirm]') || elt instanceof HTMLFormElement) return
    event.preventDefault()
    void ask(question(elt)).then((reason) => {
      if (reason === null) return
      if (elt.dataset.reason !== undefined) reasons.set(elt, [elt.dataset.reasonName ?? 'reason', reason])
      issueRequest(true)
    })
  })
  document.addEventListener('htmx:configRequest', (event) => {
    const { elt, parameters } = (event as CustomEvent<{ elt: Element; parameters: Record<string, unknown> }>).detail
    const given = reasons.get(elt)
    if (given) parameters[given[0]] = given[1]
    reasons.delete(elt)
  })
}
