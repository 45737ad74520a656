/** What the program reports by itself: server-sent events, and a plain tick where it has none. */

export type LiveState = 'live' | 'polling' | 'lost'
type Handler = (data: unknown) => void

const POLL_MS = 5000
const RETRY_MS = 60_000

/** One stream of events. Between its reports, while it is not there, `tick` comes every five seconds. */
export class Live {
  private readonly handlers = new Map<string, Set<Handler>>()
  private readonly watchers = new Set<(state: LiveState) => void>()
  private source: EventSource | null = null
  private poll: number | undefined
  private retry: number | undefined
  private failed = false
  state: LiveState = 'polling'

  constructor(private readonly url: string) {
    document.addEventListener('visibilitychange', this.onVisibility)
  }

  /** Call `handler` with the data of each event `name`; returns what ends that. */
  on(name: string, handler: Handler): () => void {
    const set = this.handlers.get(name) ?? new Set<Handler>()
    set.add(handler)
    this.handlers.set(name, set)
    if (this.source) this.listen(name)
    else this.open()
    return () => {
      set.delete(handler)
    }
  }

  /** Call `watcher` with the state, now and when it changes; returns what ends that. */
  watch(watcher: (state: LiveState) => void): () => void {
    this.watchers.add(watcher)
    watcher(this.state)
    return () => {
      this.watchers.delete(watcher)
    }
  }

  /** Whether the program answered the last request; false shows on the page at once. */
  answered(yes: boolean): void {
    if (!yes) this.change('lost')
    else if (this.state === 'lost') this.change(this.source?.readyState === EventSource.OPEN ? 'live' : 'polling')
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.onVisibility)
    this.stop()
  }

  private open(): void {
    if (document.hidden || this.source) return
    this.startPoll()
    const source = (this.source = new EventSource(this.url))
    this.bound.clear()
    for (const name of this.handlers.keys()) this.listen(name)
    source.addEventListener('lost', () => this.emit('tick', undefined)) // more happened than the stream carries
    source.onopen = () => {
      this.stopPoll()
      if (this.failed) this.emit('tick', undefined)
      this.failed = false
      this.change('live')
    }
    source.onerror = () => {
      this.failed = true
      this.startPoll()
      if (source.readyState === EventSource.CLOSED) {
        this.source = null
        this.retry = window.setTimeout(() => this.open(), RETRY_MS)
      }
      if (this.state === 'live') this.change('polling')
    }
  }

  private readonly bound = new Set<string>()

  private listen(name: string): void {
    if (this.bound.has(name)) return
    this.bound.add(name)
    this.source?.addEventListener(name, (event: MessageEvent<string>) => {
      this.emit(name, JSON.parse(event.data))
    })
  }

  private emit(name: string, data: unknown): void {
    for (const handler of [...(this.handlers.get(name) ?? [])]) handler(data)
  }

  private startPoll(): void {
    this.poll ??= window.setInterval(() => this.emit('tick', undefined), POLL_MS)
  }

  private stopPoll(): void {
    clearInterval(this.poll)
    this.poll = undefined
  }

  private stop(): void {
    this.stopPoll()
    clearTimeout(this.retry)
    this.source?.close()
    this.source = null
  }

  /** A hidden tab holds no connection: browsers allow six to one host. */
  private readonly onVisibility = (): void => {
    if (document.hidden) {
      this.failed = true
      this.stop()
    } else {
      this.emit('tick', undefined)
      this.open()
    }
  }

  private change(state: LiveState): void {
    if (state === this.state) return
    this.state = state
    for (const watcher of this.watchers) watcher(state)
  }
}
