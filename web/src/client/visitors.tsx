/** The visitors of a frpc. */
import { json } from '../lib/api'
import { useResource } from '../lib/resource'
import { href } from '../lib/router'
import { t } from '../text'
import { Icon } from '../ui/icons'
import { Badge, Copyable, Empty, PageHead, Pending, TypeBadge } from '../ui/parts'
import { Fault } from './fault'
import { useInfo } from './info'
import { StoreHint } from './proxies'
import { DISABLED } from './rows'
import { StateBadge } from './statebadge'
import { StateCard } from './statecard'
import { blockOf, type Definition, type VisitorStatus } from './types'

const EVENTS = ['visitor', 'connection'] as const

export function Visitors() {
  const info = useInfo()
  const visitors = useResource(json<{ visitors: readonly VisitorStatus[] }>, 'visitors', EVENTS)
  const stored = useResource(json<{ visitors: readonly Definition[] }>, info?.store ? 'store/visitors' : null, EVENTS)
  return (
    <div class="page">
      <PageHead title={t('visitors')} note={t('visitorsNote')}>
        {info?.store && <a class="button primary" href={href(['new', 'visitor'])}><Icon name="plus" size={16} />{t('newVisitor')}</a>}
      </PageHead>
      <StateCard />
      {visitors.data
        ? <section class="card"><Rows visitors={withStored(visitors.data.visitors, stored.data?.visitors ?? [])} /></section>
        : <Pending of={visitors} />}
      {info && !info.store && <StoreHint />}
    </div>
  )
}

function withStored(visitors: readonly VisitorStatus[], stored: readonly Definition[]): readonly VisitorStatus[] {
  const names = new Set(visitors.map(({ name }) => name))
  const others = stored.filter(({ name }) => !names.has(name)).map((definition): VisitorStatus => {
    const block = blockOf(definition)
    const text = (key: string) => (typeof block[key] === 'string' ? block[key] : '')
    return {
      name: definition.name, type: definition.type, serverName: text('serverName'), bindAddr: text('bindAddr'),
      bindPort: typeof block['bindPort'] === 'number' ? block['bindPort'] : 0, error: '', source: 'store',
      state: block['enabled'] === false ? DISABLED : 'waiting',
    }
  })
  return [...visitors, ...others].sort((a, b) => a.name.localeCompare(b.name))
}

function Rows({ visitors }: { readonly visitors: readonly VisitorStatus[] }) {
  if (!visitors.length) return <Empty title={t('noVisitors')}>{t('noVisitorsHint')}</Empty>
  return (
    <table class="rows">
      <thead>
        <tr><th>{t('visitor')}</th><th>{t('state')}</th><th>{t('visits')}</th><th>{t('listensAt')}</th></tr>
      </thead>
      <tbody>
        {visitors.map((visitor) => (
          <tr key={visitor.name}>
            <td class="lead">
              <span class="badges">
                <a class="name" href={href(['visitor', visitor.name])}>{visitor.name}</a>
                <TypeBadge type={visitor.type} />
                {visitor.source === 'store' && <Badge>{t('fromStore')}</Badge>}
              </span>
              <Fault error={visitor.error} hint={visitor.hint} />
            </td>
            <td data-label={t('state')} class="tight"><StateBadge state={visitor.state} /></td>
            <td data-label={t('visits')}>{visitor.serverName || '–'}</td>
            <td data-label={t('listensAt')}>
              {visitor.bindPort > 0 ? <Copyable text={`${visitor.bindAddr || '127.0.0.1'}:${visitor.bindPort}`} /> : '–'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
