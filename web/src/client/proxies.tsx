/** The proxies of a frpc. */
import { json } from '../lib/api'
import { useResource } from '../lib/resource'
import { href, type Route, useQuery } from '../lib/router'
import { type Key, t } from '../text'
import { Icon } from '../ui/icons'
import { Search, Tabs } from '../ui/lists'
import { Badge, Copyable, Empty, PageHead, Pending, TypeBadge } from '../ui/parts'
import { Fault } from './fault'
import { useInfo } from './info'
import { filterOf, matches, type Row, rowsOf, type StateFilter } from './rows'
import { StateBadge } from './statebadge'
import { StateCard } from './statecard'
import type { Definition, Statuses } from './types'

const FILTERS: readonly (readonly [StateFilter, Key])[] =
  [['', 'all'], ['running', 'running'], ['error', 'failing'], ['other', 'others']]
const SOURCES: readonly (readonly [string, Key])[] = [['', 'anySource'], ['file', 'fromFile'], ['store', 'fromStore']]
const EVENTS = ['status', 'connection'] as const

export function Proxies({ route }: { readonly route: Route }) {
  const { state = '', source = '', q = '' } = route.query
  const change = useQuery(route)
  const info = useInfo()
  const statuses = useResource(json<Statuses>, 'status', EVENTS)
  const stored = useResource(json<{ proxies: readonly Definition[] }>, info?.store ? 'store/proxies' : null, EVENTS)
  if (!statuses.data) return <div class="page"><PageHead title={t('proxies')} /><Pending of={statuses} /></div>
  const rows = rowsOf(statuses.data, stored.data?.proxies ?? [])
  const shown = rows.filter((row) => matches(row, state as StateFilter, source, q))
  const count = (filter: StateFilter) => rows.filter((row) => !filter || filterOf(row.state) === filter).length
  return (
    <div class="page">
      <PageHead title={t('proxies')}>
        {info?.store && <a class="button primary" href={href(['new', 'proxy'])}><Icon name="plus" size={16} />{t('newProxy')}</a>}
      </PageHead>
      <StateCard />
      <div class="bar">
        <Tabs label={t('state')} current={state} tabs={FILTERS.map(([key, label]) => ({
          key, label: `${t(label)} · ${count(key)}`, href: href(route.path, { ...route.query, state: key }),
        }))} />
        {info?.store && (
          <Tabs label={t('source')} current={source} tabs={SOURCES.map(([key, label]) => ({
            key, label: t(label), href: href(route.path, { ...route.query, source: key }),
          }))} />
        )}
        <Search value={q} onSearch={(text) => change({ q: text })} />
      </div>
      <section class="card"><ProxyRows rows={shown} /></section>
      {info && !info.store && <StoreHint />}
    </div>
  )
}

function ProxyRows({ rows }: { readonly rows: readonly Row[] }) {
  if (!rows.length) return <Empty title={t('noProxiesHere')}>{t('noProxiesOfClient')}</Empty>
  return (
    <table class="rows">
      <thead>
        <tr><th>{t('proxy')}</th><th>{t('state')}</th><th>{t('service')}</th><th>{t('reachedAt')}</th></tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}>
            <td class="lead">
              <span class="badges">
                <a class="name" href={href(['proxy', row.name])}>{row.name}</a>
                <TypeBadge type={row.type} />
                {row.stored && <Badge>{t('fromStore')}</Badge>}
              </span>
              <Fault error={row.error} hint={row.hint} />
            </td>
            <td data-label={t('state')} class="tight"><StateBadge state={row.state} /></td>
            <td data-label={t('service')}>
              <span class="badges"><span class="mono">{row.local || '–'}</span><Health health={row.health} /></span>
            </td>
            <td data-label={t('reachedAt')}>
              <span class="badges">{row.remote.length ? row.remote.map((text) => <Copyable key={text} text={text} />) : '–'}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export function Health({ health }: { readonly health: string }) {
  if (!health) return null
  return health === 'up' ? <Badge tone="good">{t('healthy')}</Badge> : <Badge tone="bad">{t('unhealthy')}</Badge>
}

export const StoreHint = () => (
  <div class="notice">{t('storeHint')} <code>store.path = "./frpc_store.json"</code></div>
)
