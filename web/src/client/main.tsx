/** The pages of frpc. */
import { render } from 'preact'
import '../styles/base.css'
import '../styles/parts.css'
import '../styles/forms.css'
import '../styles/logs.css'
import { json, urlOf } from '../lib/api'
import type { Line } from '../lib/lines'
import { Live } from '../lib/live'
import { usePrefs } from '../lib/prefs'
import { LiveContext, useResource } from '../lib/resource'
import { type Route, useRoute } from '../lib/router'
import { t } from '../text'
import { type Entry, Frame } from '../ui/frame'
import { Logs } from '../ui/logs'
import { Empty } from '../ui/parts'
import { ConfigPage } from './configpage'
import { Detail } from './detail'
import { EditEntry, NewEntry } from './entryform'
import { InfoContext } from './info'
import { Pick } from './pick'
import { Proxies } from './proxies'
import type { EntryKind, Info } from './types'
import { Visitors } from './visitors'

const PROXIES: Entry = { path: '', label: 'proxies', icon: 'proxies' }
const VISITORS: Entry = { path: 'visitors', label: 'visitors', icon: 'visitors' }
const CONFIG: Entry = { path: 'config', label: 'config', icon: 'config' }
const LOGS: Entry = { path: 'logs', label: 'logs', icon: 'logs' }
const EVENTS = ['connection'] as const

/** An older frpc has neither facts about itself nor what came with them. */
function menuOf(info: Info | undefined, known: boolean): readonly Entry[] {
  if (!info) return known ? [PROXIES, CONFIG] : [PROXIES]
  return [PROXIES, VISITORS, ...(info.configFile ? [CONFIG] : []), LOGS]
}

const kindOf = (text: string | undefined): EntryKind => (text === 'visitor' ? 'visitor' : 'proxy')

function Content({ route }: { readonly route: Route }) {
  const [page = '', first, second] = route.path
  switch (page) {
    case '':
      return <Proxies route={route} />
    case 'visitors':
      return <Visitors />
    case 'proxy':
    case 'visitor':
      return <Detail key={`${page} ${first ?? ''}`} kind={page} name={first ?? ''} />
    case 'new':
      return second === undefined
        ? <Pick kind={kindOf(first)} />
        : <NewEntry key={`${first ?? ''} ${second}`} kind={kindOf(first)} type={second} />
    case 'edit':
      return <EditEntry key={`${first ?? ''} ${second ?? ''}`} kind={kindOf(first)} name={second ?? ''} />
    case 'config':
      return <ConfigPage />
    case 'logs':
      return <Logs route={route} load={json<{ lines: readonly Line[] }>} path="logs" events="events?logs=1" />
    default:
      return <Empty title={t('noPage')} />
  }
}

/** The entry of the menu that a page belongs to. */
function entryOf([page = '', first = '']: readonly string[]): string {
  if (page === 'visitor' || first === 'visitor') return 'visitors'
  return ['proxy', 'new', 'edit'].includes(page) ? '' : page
}

function App() {
  usePrefs() // another language draws all pages again
  const route = useRoute()
  const info = useResource(json<Info>, 'info', EVENTS)
  return (
    <InfoContext.Provider value={info}>
      <Frame program="frpc" menu={menuOf(info.data, info.error !== undefined)} current={entryOf(route.path)}
        pageKey={route.path.join('/')}>
        <Content route={route} />
      </Frame>
    </InfoContext.Provider>
  )
}

const root = document.getElementById('app')
if (root) render(<LiveContext.Provider value={new Live(urlOf('events'))}><App /></LiveContext.Provider>, root)
