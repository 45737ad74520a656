/** Rows of proxies, in the list and on the page of a client. */
import { bytes } from '../lib/format'
import { href } from '../lib/router'
import { t } from '../text'
import { Badge, Empty, type Tone, TypeBadge } from '../ui/parts'
import { blockOf, type Proxy } from './types'

interface Props {
  readonly proxies: readonly Proxy[]
  /** Whether each row names its client. */
  readonly clients?: boolean
}

export function ProxyTable({ proxies, clients }: Props) {
  if (!proxies.length) return <Empty title={t('noProxiesHere')}>{t('noProxiesHint')}</Empty>
  return (
    <table class="rows">
      <thead>
        <tr>
          <th>{t('proxy')}</th><th>{t('state')}</th><th>{t('address')}</th>
          {clients && <th>{t('client')}</th>}
          <th class="end">{t('connections')}</th><th class="end">{t('today')}</th>
        </tr>
      </thead>
      <tbody>
        {proxies.map((proxy) => (
          <tr key={proxy.name}>
            <td class="lead">
              <span class="badges">
                <a class="name" href={href(['proxy', proxy.name])}>{proxy.name}</a><TypeBadge type={proxy.spec.type} />
              </span>
            </td>
            <td data-label={t('state')} class="tight"><PhaseBadge proxy={proxy} /></td>
            <td data-label={t('address')}><span class="mono">{placeOf(proxy)}</span></td>
            {clients && <td data-label={t('client')}>{owner(proxy)}</td>}
            <td data-label={t('connections')} class="end num">{proxy.status.curConns}</td>
            <td data-label={t('today')} class="end tight num">
              <span>
                <span title={t('in')}>↓ {bytes(proxy.status.todayTrafficIn)}</span>{' '}
                <span class="muted" title={t('out')}>↑ {bytes(proxy.status.todayTrafficOut)}</span>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const owner = ({ user, clientID }: Proxy): string => [user, clientID].filter(Boolean).join('.') || '–'

/** Where users reach a proxy: its port, or its domains. */
export function placeOf(proxy: Proxy): string {
  const { remotePort, customDomains = [], subdomain } = blockOf(proxy)
  if (remotePort) return `:${remotePort}`
  return [...customDomains, ...(subdomain ? [subdomain] : [])].join(', ') || '–'
}

export function PhaseBadge({ proxy: { status } }: { readonly proxy: Proxy }) {
  if (status.disabled) return <Badge tone="warn">{t('disabled')}</Badge>
  const [tone, label]: [Tone, 'online' | 'offline'] =
    status.phase === 'online' ? ['good', 'online'] : ['plain', 'offline']
  return <Badge tone={tone}>{t(label)}</Badge>
}
