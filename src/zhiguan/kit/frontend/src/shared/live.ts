/** A live feed: server-sent events, and polling when they do not come through (proxies, old gateways). */
export type LiveState = 'connecting' | 'live' | 'polling' | 'lost'

export interface LiveOptions<T> {
  streamUrl?: string
  pollUrl?: string
  pollSeconds?: number
  onData: (data: T) => void
  onState: (state: LiveState) => void
}

const FIRST_WAIT_MS = 6000
const RETRY_STREAM_MS = 30000

/** Starts the feed; the returned function ends it. Data are JSON objects, in `message`, `snapshot` or `delta` events. */
export function openLive<T>(options: LiveOptions<T>): () => void {
  let source: EventSource | null = null
  let pollTimer = 0
  let retryTimer = 0
  let watch = 0
  let ended = false

  const receive = (event: MessageEvent<string>): void => {
    clearTimeout(watch)
    stopPolling()
    options.onState('live')
    options.onData(JSON.parse(event.data) as T)
  }
  const stopPolling = (): void => {
    clearTimeout(pollTimer)
    pollTimer = 0
  }
  const poll = async (): Promise<void> => {
    if (ended || !options.pollUrl) return
    try {
      if (!document.hidden) {
        const response = await fetch(options.pollUrl, { headers: { Accept: 'application/json' } })
        if (!response.ok) throw new Error(String(response.status))
        options.onData((await response.json()) as T)
        options.onState('polling')
      }
    } catch {
      options.onState('lost')
    }
    if (!ended && pollTimer) pollTimer = window.setTimeout(() => void poll(), (options.pollSeconds ?? 5) * 1000)
  }
  const fallBack = (): void => {
    if (ended) return
    options.onState(options.pollUrl ? 'polling' : 'lost')
    if (options.pollUrl && !pollTimer) {
      pollTimer = 1
      void poll()
    }
  }
  const connect = (): void => {
    if (ended || !options.streamUrl) return fallBack()
    source?.close()
    // The stream comes from another port of the same host; the session's cookie must go with it.
    source = new EventSource(options.streamUrl, { withCredentials: true })
    for (const name of ['message', 'snapshot', 'delta']) source.addEventListener(name, receive as EventListener)
    watch = window.setTimeout(fallBack, FIRST_WAIT_MS)
    source.addEventListener('error', () => {
      fallBack()
      // A closed source (HTTP error) does not come back by itself.
      if (source?.readyState === EventSource.CLOSED) {
        clearTimeout(retryTimer)
        retryTimer = window.setTimeout(connect, RETRY_STREAM_MS)
      }
    })
  }
  options.onState('connecting')
  connect()
  const leave = (): void => source?.close()
  window.addEventListener('pagehide', leave)
  return () => {
    ended = true
    window.removeEventListener('pagehide', leave)
    source?.close()
    stopPolling()
    clearTimeout(watch)
    clearTimeout(retryTimer)
  }
}

export const liveText: Record<LiveState, string> = { connecting: '正在连接', live: '实时', polling: '定时刷新', lost: '连接中断' }
