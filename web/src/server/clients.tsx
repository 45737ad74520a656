/** The clients of a server. */
import { v2 } from '../lib/api'
import { useResource } from '../lib/resource'
import { href, type Route, useQuery } from '../lib/router'
import { t } from '../text'
import { Pager, Search, Tabs } from '../ui/lists'
import { Badge, Empty, PageHead, Pending, Time } from '../ui/parts'
import { query, sizeOf } from './query'
import type { Client, Page } from './types'

const STATES = [['all', 'all'], ['online', 'online'], ['offline', 'offline']] as const
const EVENTS = ['client'] as const

export function Clients({ route }: { readonly route: Route }) {
  const { status = 'all', q = '', page = '1' } = route.query
  const change = useQuery(route)
  const pageSize = sizeOf(route)
  const list = useResource(v2<Page<Client>>, `clients?${query({ status, q, page, pageSize })}`, EVENTS)
  return (
    <div class="page">
      <PageHead title={t('clients')} />
      <div class="bar">
        <Tabs label={t('state')} current={status} tabs={STATES.map(([key, label]) => ({
          key,
          label: key === status && list.data ? `${t(label)} · ${list.data.total}` : t(label),
          href: href(route.path, { ...route.query, status: key, page: '' }),
        }))} />
        <Search value={q} onSearch={(text) => change({ q: text, page: '' })} />
      </div>
      {list.data
        ? <section class="card" aria-busy={list.loading}>
            <ClientTable clients={list.data.items} />
            <Pager {...list.data} onChange={change} />
          </section>
        : <Pending of={list} />}
    </div>
  )
}

export const clientName = ({ user, clientID }: { readonly user: string; readonly clientID: string }): string =>
  user ? `${user}.${clientID}` : clientID

function ClientTable({ clients }: { readonly clients: readonly Client[] }) {
  if (!clients.length) return <Empty title={t('noClients')}>{t('noClientsHint')}</Empty>
  return (
    <table class="rows">
      <thead>
        <tr>
          <th>{t('client')}</th><th>{t('state')}</th><th>{t('host')}</th><th>{t('version')}</th><th>{t('since')}</th>
        </tr>
      </thead>
      <tbody>
        {clients.map((client) => (
          <tr key={client.key}>
            <td class="lead"><a class="name" href={href(['clients', client.key])}>{clientName(client)}</a></td>
            <td data-label={t('state')} class="tight"><OnlineBadge online={client.online} /></td>
            <td data-label={t('host')}>
              <span>{client.hostname || '–'}<span class="sub mono">{client.clientIP}</span></span>
            </td>
            <td data-label={t('version')} class="tight">
              <span>{client.version ?? '–'} <span class="muted">{client.wireProtocol}</span></span>
            </td>
            <td data-label={t('since')} class="tight">
              <Time at={client.online ? client.lastConnectedAt : client.disconnectedAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export const OnlineBadge = ({ online }: { readonly online: boolean }) =>
  <Badge tone={online ? 'good' : 'plain'}>{t(online ? 'online' : 'offline')}</Badge>
