/** Forms: unsaved-change guard (data-guard), one submit at a time, save by Ctrl+S. */
import { all, onContent } from '../shared/dom'

const clean = new WeakMap<HTMLFormElement, string>()
const sending = new WeakSet<HTMLFormElement>()
const RELEASE_MS = 15000

function snapshot(form: HTMLFormElement): string {
  const parts: string[] = []
  for (const [name, value] of new FormData(form)) {
    if (name !== 'csrfmiddlewaretoken') parts.push(`${name}=${typeof value === 'string' ? value : `${value.name}:${value.size}`}`)
  }
  return parts.join('\n')
}

/** A form whose fields differ from what the server sent. */
export function isDirty(form: HTMLFormElement): boolean {
  const before = clean.get(form)
  return before !== undefined && before !== snapshot(form)
}

function buttons(form: HTMLFormElement): (HTMLButtonElement | HTMLInputElement)[] {
  return [...form.elements].filter(
    (part): part is HTMLButtonElement | HTMLInputElement => (part instanceof HTMLButtonElement || part instanceof HTMLInputElement) && part.type === 'submit',
  )
}

function release(form: HTMLFormElement): void {
  sending.delete(form)
  form.removeAttribute('aria-busy')
  for (const button of buttons(form)) {
    if ('zgBusy' in button.dataset) {
      delete button.dataset.zgBusy
      button.disabled = false
      button.classList.remove('btn-loading')
    }
  }
}

function hold(form: HTMLFormElement, submitter: HTMLElement | null): void {
  sending.add(form)
  form.setAttribute('aria-busy', 'true')
  // After this turn, so that the pressed button's own name and value still go along.
  setTimeout(() => {
    for (const button of buttons(form)) {
      if (button.disabled) continue
      button.dataset.zgBusy = ''
      button.disabled = true
    }
    submitter?.classList.add('btn-loading')
  })
  // A download answers without leaving the page: the form must come back.
  if (!form.hasAttribute('data-once')) setTimeout(() => release(form), RELEASE_MS)
}

export function initForms(): void {
  onContent((root) => {
    for (const form of all<HTMLFormElement>(root, 'form[data-guard]')) {
      // A form drawn again with errors holds input that nobody has saved: it starts dirty.
      clean.set(form, form.querySelector('.is-invalid, .zg-field-error:not(:empty)') ? '\0' : snapshot(form))
    }
  })
  document.addEventListener(
    'submit',
    (event) => {
      if (!sending.has(event.target as HTMLFormElement)) return
      event.preventDefault()
      event.stopImmediatePropagation()
    },
    true,
  )
  document.addEventListener('submit', (event) => {
    const form = event.target as HTMLFormElement
    const method = form.getAttribute('hx-post') ? 'post' : form.method
    if (event.defaultPrevented && !form.matches('[hx-post],[hx-put],[hx-patch],[hx-delete],[data-upload]')) return
    if (method === 'get' || method === 'dialog') return
    hold(form, event.submitter)
  })
  document.addEventListener('htmx:afterRequest', (event) => {
    const { elt, successful } = (event as CustomEvent<{ elt: Element; successful: boolean }>).detail
    // A field's own request (live check, dependent choices) neither ends a submit nor saves anything.
    if (!(elt instanceof HTMLFormElement)) return
    release(elt)
    if (successful && clean.has(elt)) clean.set(elt, snapshot(elt))
  })
  document.addEventListener('zg:release', (event) => release(event.target as HTMLFormElement))
  window.addEventListener('pageshow', () => {
    for (const form of document.forms) release(form)
  })
  window.addEventListener('beforeunload', (event) => {
    const dirty = [...document.querySelectorAll<HTMLFormElement>('form[data-guard]')].some((form) => !sending.has(form) && isDirty(form))
    if (dirty) event.preventDefault()
  })
  document.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 's') return
    const form = (event.target as Element).closest<HTMLFormElement>('form[data-guard]') ?? document.querySelector<HTMLFormElement>('form[data-guard]')
    if (!form) return
    event.preventDefault()
    form.requestSubmit()
  })
}
