/** The pages of frps. */
import { render } from 'preact'
import '../styles/base.css'
import '../styles/parts.css'
import '../styles/charts.css'
import '../styles/logs.css'
import { urlOf, v2 } from '../lib/api'
import type { Line } from '../lib/lines'
import { Live } from '../lib/live'
import { usePrefs } from '../lib/prefs'
import { LiveContext } from '../lib/resource'
import { type Route, useRoute } from '../lib/router'
import { t } from '../text'
import { type Entry, Frame } from '../ui/frame'
import { Logs } from '../ui/logs'
import { Empty } from '../ui/parts'
import { Audit } from './audit'
import { ClientPage } from './client'
import { Clients } from './clients'
import { type Features, FeaturesContext, useLoadedFeatures } from './features'
import { Overview } from './overview'
import { Proxies } from './proxies'
import { ProxyPage } from './proxy'

const ALWAYS: readonly Entry[] = [
  { path: '', label: 'overview', icon: 'overview' },
  { path: 'clients', label: 'clients', icon: 'clients' },
  { path: 'proxies', label: 'proxies', icon: 'proxies' },
]

function menuOf(features: Features | null): readonly Entry[] {
  return [
    ...ALWAYS,
    ...(features?.has('audit') ? [{ path: 'audit', label: 'audit', icon: 'audit' } as const] : []),
    ...(features?.has('logs') ? [{ path: 'logs', label: 'logs', icon: 'logs' } as const] : []),
  ]
}

function Content({ route }: { readonly route: Route }) {
  const [page = '', name] = route.path
  switch (page) {
    case '':
      return <Overview />
    case 'clients':
      return name === undefined ? <Clients route={route} /> : <ClientPage route={route} clientKey={name} />
    case 'proxies':
      return <Proxies route={route} />
    case 'proxy':
      return name === undefined ? <Proxies route={route} /> : <ProxyPage key={name} name={name} />
    case 'audit':
      return <Audit route={route} />
    case 'logs':
      return <Logs route={route} load={v2<{ lines: readonly Line[] }>} path="logs" events="v2/events?logs=1" />
    default:
      return <Empty title={t('noPage')} />
  }
}

function App() {
  usePrefs() // another language draws all pages again
  const route = useRoute()
  const features = useLoadedFeatures()
  const page = route.path[0] ?? ''
  return (
    <FeaturesContext.Provider value={features}>
      <Frame program="frps" menu={menuOf(features)} current={page === 'proxy' ? 'proxies' : page}
        pageKey={route.path.join('/')}>
        <Content route={route} />
      </Frame>
    </FeaturesContext.Provider>
  )
}

const root = document.getElementById('app')
if (root) {
  render(<LiveContext.Provider value={new Live(urlOf('v2/events'))}><App /></LiveContext.Provider>, root)
}
