/** What operators did: kicks, disabled proxies, closed connections. */
import { v2 } from '../lib/api'
import { useResource } from '../lib/resource'
import { type Route, useQuery } from '../lib/router'
import { t } from '../text'
import { Pager } from '../ui/lists'
import { Badge, Empty, PageHead, Pending, Time } from '../ui/parts'
import { query, sizeOf } from './query'
import type { AuditEntry, Page } from './types'

const EVENTS = ['client', 'proxy', 'sample'] as const
const GOOD = new Set(['', 'ok', 'done', 'success'])

export function Audit({ route }: { readonly route: Route }) {
  const change = useQuery(route)
  const { page = '1' } = route.query
  const list = useResource(v2<Page<AuditEntry>>, `audit?${query({ page, pageSize: sizeOf(route) })}`, EVENTS)
  return (
    <div class="page">
      <PageHead title={t('audit')} note={t('auditNote')} />
      {list.data
        ? <section class="card">
            <Entries entries={list.data.items} />
            <Pager {...list.data} onChange={change} />
          </section>
        : <Pending of={list} />}
    </div>
  )
}

function Entries({ entries }: { readonly entries: readonly AuditEntry[] }) {
  if (!entries.length) return <Empty title={t('noAudit')} />
  return (
    <table class="rows">
      <thead>
        <tr><th>{t('action')}</th><th>{t('target')}</th><th>{t('detail')}</th><th>{t('by')}</th><th>{t('when')}</th></tr>
      </thead>
      <tbody>
        {entries.map(({ at, by, action, target, detail, result }, index) => (
          <tr key={`${at} ${index}`}>
            <td class="lead"><span class="badges"><span class="name">{action}</span>
              {!GOOD.has(result) && <Badge tone="bad">{result}</Badge>}</span></td>
            <td data-label={t('target')}>{target || '–'}</td>
            <td data-label={t('detail')}>{detail || '–'}</td>
            <td data-label={t('by')}>{by || '–'}</td>
            <td data-label={t('when')} class="tight"><Time at={at} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
