/** The proxies of a server, all or those of one type. */
import { v2 } from '../lib/api'
import { useResource } from '../lib/resource'
import { href, type Route, useQuery } from '../lib/router'
import { t } from '../text'
import { Ask } from '../ui/dialog'
import { Pager, Search, Tabs } from '../ui/lists'
import { PageHead, Pending } from '../ui/parts'
import { say } from '../ui/toast'
import { ProxyTable } from './proxytable'
import { query, sizeOf } from './query'
import { type Page, type Proxy, TYPES } from './types'

const EVENTS = ['proxy', 'sample'] as const

export function Proxies({ route }: { readonly route: Route }) {
  const type = route.path[1] ?? ''
  const { q = '', page = '1', status = '' } = route.query
  const change = useQuery(route)
  const pageSize = sizeOf(route)
  const list = useResource(v2<Page<Proxy>>, `proxies?${query({ type, status, q, page, pageSize })}`, EVENTS)
  const tab = (key: string) => href(key ? ['proxies', key] : ['proxies'], { ...route.query, page: '' })
  return (
    <div class="page">
      <PageHead title={t('proxies')}>
        <Ask label={t('clearOffline')} title={t('clearTitle')} text={t('clearText')} act={async () => {
          const { cleared } = await v2<{ cleared: number }>('system/prune?type=offline_proxies', { method: 'POST' })
          say(t('cleared', { n: cleared }))
          list.reload()
        }} />
      </PageHead>
      <div class="bar">
        <Tabs label={t('type')} current={type} tabs={['', ...TYPES].map((key) => ({
          key, label: key || t('all'), href: tab(key),
        }))} />
        <Search value={q} onSearch={(text) => change({ q: text, page: '' })} />
      </div>
      {list.data
        ? <section class="card" aria-busy={list.loading}>
            <ProxyTable proxies={list.data.items} clients />
            <Pager {...list.data} onChange={change} />
          </section>
        : <Pending of={list} />}
    </div>
  )
}
