/** The last lines of the program's log, and new ones as they come. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { urlOf } from '../lib/api'
import { clock } from '../lib/format'
import { keeps, type Line, merged } from '../lib/lines'
import { Live } from '../lib/live'
import { prefs } from '../lib/prefs'
import { type Resource, useResource } from '../lib/resource'
import { href, type Route, useQuery } from '../lib/router'
import { t } from '../text'
import { Search, Tabs } from './lists'
import { Empty, PageHead, Pending } from './parts'

interface Answer {
  readonly lines: readonly Line[]
}

const LEVELS = ['', 'debug', 'info', 'warn', 'error'] as const

interface Props {
  readonly route: Route
  readonly load: (path: string) => Promise<Answer>
  readonly path: string
  /** The events, with the lines among them. */
  readonly events: string
}

export function Logs({ route, load, path, events }: Props) {
  const { level = '', q = '' } = route.query
  const change = useQuery(route)
  const first = useResource(load, path, TICKS)
  const lines = useLines(first, events)
  const shown = useMemo(() => lines.filter((line) => keeps(line, level, q)), [lines, level, q])
  return (
    <div class="page">
      <PageHead title={t('logs')} note={t('logsNote')} />
      <div class="bar">
        <Tabs label={t('level')} current={level} tabs={LEVELS.map((key) => ({
          key, label: key === '' ? t('all') : key, href: href(route.path, { ...route.query, level: key }),
        }))} />
        <Search value={q} onSearch={(text) => change({ q: text })} />
      </div>
      {first.data ? <Lines lines={shown} /> : <Pending of={first} />}
    </div>
  )
}

const TICKS = ['no-event'] as const
const GATHER_MS = 250

function useLines(first: Resource<Answer>, events: string): readonly Line[] {
  const [lines, setLines] = useState<readonly Line[]>([])
  useEffect(() => {
    const { data } = first
    if (data) setLines((old) => merged(old, data.lines))
  }, [first.data, first])
  useEffect(() => {
    const live = new Live(urlOf(events))
    let waiting: Line[] = []
    let timer: number | undefined
    live.on('log', (line) => {
      waiting.push(line as Line)
      timer ??= window.setTimeout(() => { // drawn at once: a thousand lines take a while
        const fresh = waiting
        waiting = []
        timer = undefined
        setLines((old) => merged(old, fresh))
      }, GATHER_MS)
    })
    return () => {
      clearTimeout(timer)
      live.close()
    }
  }, [events])
  return lines
}

function Lines({ lines }: { readonly lines: readonly Line[] }) {
  const box = useRef<HTMLDivElement>(null)
  const follows = useRef(true)
  useEffect(() => {
    const element = box.current
    if (element && follows.current) element.scrollTop = element.scrollHeight
  }, [lines])
  if (!lines.length) return <div class="card"><Empty title={t('noLines')} /></div>
  return (
    <div ref={box} class="card lines" tabIndex={0} role="log" aria-label={t('logs')} aria-live="off"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        follows.current = scrollTop + clientHeight > scrollHeight - 20
      }}>
      {lines.map(({ id, at, level, text }) => (
        <div key={id} class="line" data-level={level.toLowerCase()}>
          <time>{clock(at, prefs.locale)}</time>
          <span class="level">{level.slice(0, 1).toUpperCase()}</span>
          <span>{text}</span>
        </div>
      ))}
    </div>
  )
}
