/** One client of a server, with its proxies. */
import { v2 } from '../lib/api'
import { useResource } from '../lib/resource'
import { href, type Route, useQuery } from '../lib/router'
import { t } from '../text'
import { Ask } from '../ui/dialog'
import { Pager, Search } from '../ui/lists'
import { Badge, Card, Copyable, Facts, PageHead, Pending, Time } from '../ui/parts'
import { say } from '../ui/toast'
import { clientName, OnlineBadge } from './clients'
import { useFeatures } from './features'
import { ProxyTable } from './proxytable'
import { query, sizeOf } from './query'
import type { ClientDetail, Page, Proxy } from './types'

const CLIENT_EVENTS = ['client', 'proxy', 'sample'] as const
const PROXY_EVENTS = ['proxy', 'sample'] as const

interface Props {
  readonly route: Route
  readonly clientKey: string
}

export function ClientPage({ route, clientKey }: Props) {
  const path = `clients/${encodeURIComponent(clientKey)}`
  const client = useResource(v2<ClientDetail>, path, CLIENT_EVENTS)
  const crumbs = <><a href={href(['clients'])}>{t('clients')}</a> /</>
  if (!client.data) {
    return <div class="page"><PageHead title={clientKey} crumbs={crumbs} /><Pending of={client} /></div>
  }
  const { online } = client.data
  const name = clientName(client.data)
  return (
    <div class="page">
      <PageHead crumbs={crumbs} title={name}
        note={<span class="badges"><OnlineBadge online={online} /><Badge>{client.data.version ?? '–'}</Badge></span>}>
        <Kick path={path} name={name} online={online} done={client.reload} />
      </PageHead>
      <Card><ClientFacts client={client.data} /></Card>
      <ClientProxies route={route} client={client.data} />
    </div>
  )
}

interface KickProps {
  readonly path: string
  readonly name: string
  readonly online: boolean
  readonly done: () => void
}

function Kick({ path, name, online, done }: KickProps) {
  if (!useFeatures()?.has('kick')) return null
  return (
    <Ask label={t('kick')} danger disabled={!online} reason title={t('kickTitle', { name })} text={t('kickText')}
      act={async (reason) => {
        await v2(`${path}/kick`, { method: 'POST', body: { reason } })
        say(t('kicked', { name }))
        done()
      }} />
  )
}

function ClientFacts({ client }: { readonly client: ClientDetail }) {
  const { status } = client
  return (
    <Facts facts={[
      { label: t('connections'), value: status.curConns },
      { label: t('proxies'), value: status.proxyCount },
      { label: t('address'), value: client.clientIP ? <Copyable text={client.clientIP} /> : '–' },
      { label: t('hostname'), value: client.hostname || '–' },
      { label: t('protocol'), value: client.wireProtocol ?? '–' },
      { label: t('runID'), value: <span class="mono">{client.runID}</span> },
      { label: t('firstSeen'), value: <Time at={client.firstConnectedAt} /> },
      client.online
        ? { label: t('connectedSince'), value: <Time at={client.lastConnectedAt} /> }
        : { label: t('offlineSince'), value: <Time at={client.disconnectedAt} /> },
    ]} />
  )
}

function ClientProxies({ route, client }: { readonly route: Route; readonly client: ClientDetail }) {
  const { q = '', page = '1' } = route.query
  const change = useQuery(route)
  const owner = { user: client.user, clientID: client.clientID, q, page, pageSize: sizeOf(route) }
  const empty = client.user ? '' : 'user=&' // a user that is there and empty is the empty user
  const list = useResource(v2<Page<Proxy>>, `proxies?${empty}${query(owner)}`, PROXY_EVENTS)
  return (
    <Card title={t('proxies')} flush tools={<Search value={q} onSearch={(text) => change({ q: text, page: '' })} />}>
      {list.data
        ? <><ProxyTable proxies={list.data.items} /><Pager {...list.data} onChange={change} /></>
        : <Pending of={list} />}
    </Card>
  )
}
