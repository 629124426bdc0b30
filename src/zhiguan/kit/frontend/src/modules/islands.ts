/** Mounts the lazily loaded parts: every [data-island=NAME] gets `islands/NAME.ts` and the JSON of its own script element. */
import { all, el, icon, onContent } from '../shared/dom'

/** What an island module exports as `mount`; the returned function is called when its element leaves the page. */
export type Mount = (root: HTMLElement, config: never) => void | (() => void) | Promise<void | (() => void)>

const modules = import.meta.glob<{ mount: Mount }>('../islands/*.ts')
const mounted = new WeakMap<Element, () => void>()

export function readConfig(root: HTMLElement): unknown {
  const source = root.querySelector(':scope > script[type="application/json"]')?.textContent ?? root.dataset.chart
  return source ? JSON.parse(source) : {}
}

async function start(root: HTMLElement): Promise<void> {
  const name = root.dataset.island ?? 'chart'
  const load = modules[`../islands/${name}.ts`]
  root.dataset.mounted = 'loading'
  root.setAttribute('aria-busy', 'true')
  try {
    if (!load) throw new Error(`no island "${name}"`)
    const { mount } = await load()
    const end = await mount(root, readConfig(root) as never)
    if (end) mounted.set(root, end)
    root.dataset.mounted = 'done'
  } catch (error) {
    console.error(`island ${name}`, error)
    root.dataset.mounted = 'failed'
    root.append(
      el('div', { class: 'zg-island-failed', role: 'alert' }, icon('alert-triangle'), el('p', { text: '这部分内容没有加载成功，请刷新页面重试；其余内容不受影响。' })),
    )
  } finally {
    root.removeAttribute('aria-busy')
  }
}

export function initIslands(): void {
  onContent((added) => {
    for (const root of all(added, '[data-island]:not([data-mounted]), [data-chart]:not([data-mounted]), [data-chart-src]:not([data-mounted])')) void start(root)
  })
  document.addEventListener('htmx:beforeCleanupElement', (event) => {
    const leaving = event.target as Element
    mounted.get(leaving)?.()
    mounted.delete(leaving)
  })
}
