/** Data of the API inside components: loaded, kept while it is loaded again, refreshed by events. */
import { createContext } from 'preact'
import { useCallback, useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, asApiError, type Options } from './api'
import type { Live } from './live'

export const LiveContext = createContext<Live | null>(null)

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('no live events around this component')
  return live
}

/** Call `handler` with the data of each event `name` while the component is there. */
export function useEvent<T>(name: string, handler: (data: T) => void): void {
  const live = useLive()
  const latest = useRef(handler)
  latest.current = handler
  useEffect(() => live.on(name, (data) => latest.current(data as T)), [live, name])
}

export interface Resource<T> {
  readonly data: T | undefined
  readonly error: ApiError | undefined
  readonly loading: boolean
  readonly reload: () => void
}

type Load<T> = (path: string, options: Options) => Promise<T>

interface State<T> {
  readonly path: string | null
  readonly data?: T
  readonly error?: ApiError
}

const NO_EVENTS: readonly string[] = []
const GATHER_MS = 400

/**
 * What `load` gives for `path` (null: nothing yet). It is loaded again at the named events, of which many within a
 * short time count once, and at each tick while there are no events.
 */
export function useResource<T>(
  load: Load<T>,
  path: string | null,
  events: readonly string[] = NO_EVENTS,
): Resource<T> {
  const live = useLive()
  const [state, setState] = useState<State<T>>({ path: null })
  const [loading, setLoading] = useState(false)
  const running = useRef<AbortController | null>(null)

  const reload = useCallback(() => {
    if (path === null) return
    running.current?.abort()
    const controller = (running.current = new AbortController())
    setLoading(true)
    load(path, { signal: controller.signal }).then(
      (data) => {
        if (controller.signal.aborted) return
        live.answered(true)
        setState({ path, data })
        setLoading(false)
      },
      (error: unknown) => {
        if (controller.signal.aborted) return
        const failure = asApiError(error)
        live.answered(failure.status !== 0)
        setState((old) => (old.path === path && old.data !== undefined
          ? { path, data: old.data, error: failure } : { path, error: failure }))
        setLoading(false)
      },
    )
  }, [load, path, live])

  useLayoutEffect(() => { // an effect would wait for the first frame, which takes as long as the answer
    reload()
    return () => running.current?.abort()
  }, [reload])

  useEffect(() => {
    let timer: number | undefined
    const soon = () => {
      timer ??= window.setTimeout(() => {
        timer = undefined
        reload()
      }, GATHER_MS)
    }
    const ends = events.map((name) => live.on(name, soon))
    if (events.length) ends.push(live.on('tick', reload))
    return () => {
      clearTimeout(timer)
      for (const end of ends) end()
    }
  }, [events, live, reload])

  return { data: state.data, error: state.error, loading, reload }
}
