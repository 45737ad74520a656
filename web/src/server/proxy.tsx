/** One proxy of a server: figures, configuration, traffic of a week, connections. */
import { v2 } from '../lib/api'
import { bytes } from '../lib/format'
import { useResource } from '../lib/resource'
import { href } from '../lib/router'
import { t } from '../text'
import { Ask } from '../ui/dialog'
import { Card, Copyable, type Fact, Facts, PageHead, Pending, Stat, Time, TypeBadge } from '../ui/parts'
import { QrButton } from '../ui/qr'
import { say } from '../ui/toast'
import { addressesOf } from './addresses'
import { Connections } from './connections'
import { useFeatures } from './features'
import { PhaseBadge } from './proxytable'
import { blockOf, type Proxy, type SystemInfo, type Traffic } from './types'
import { WeekBars } from './weekbars'

const EVENTS = ['proxy', 'sample'] as const

export function ProxyPage({ name }: { readonly name: string }) {
  const path = `proxies/${encodeURIComponent(name)}`
  const proxy = useResource(v2<Proxy>, path, EVENTS)
  const traffic = useResource(v2<Traffic>, `${path}/traffic`, EVENTS)
  const info = useResource(v2<SystemInfo>, 'system/info')
  const connections = useFeatures()?.has('connections')
  const crumbs = <><a href={href(['proxies'])}>{t('proxies')}</a> /</>
  if (!proxy.data) {
    return <div class="page"><PageHead title={name} crumbs={crumbs} /><Pending of={proxy} /></div>
  }
  const { status, spec } = proxy.data
  return (
    <div class="page">
      <PageHead crumbs={crumbs} title={name}
        note={<span class="badges"><TypeBadge type={spec.type} /><PhaseBadge proxy={proxy.data} /></span>}>
        <Switch path={path} proxy={proxy.data} done={proxy.reload} />
      </PageHead>
      {status.disabled && <div class="notice warn">{t('disabledNotice', { reason: status.reason || '–' })}</div>}
      <div class="stats">
        <Stat label={t('connections')} value={String(status.curConns)} note={t('openNow')} />
        <Stat label={t('inToday')} value={bytes(status.todayTrafficIn)} />
        <Stat label={t('outToday')} value={bytes(status.todayTrafficOut)} />
        <Stat label={t(status.phase === 'online' ? 'started' : 'closed')}
          words={<Time at={status.phase === 'online' ? status.lastStartAt : status.lastCloseAt} />} />
      </div>
      <Addresses proxy={proxy.data} info={info.data} />
      <Card title={t('configuration')}><Facts facts={configFacts(proxy.data)} /></Card>
      <Annotations proxy={proxy.data} />
      {traffic.data && <Card title={t('lastWeek')}><WeekBars history={traffic.data.history} /></Card>}
      {connections && <Connections path={path} />}
    </div>
  )
}

interface SwitchProps {
  readonly path: string
  readonly proxy: Proxy
  readonly done: () => void
}

function Switch({ path, proxy: { name, status }, done }: SwitchProps) {
  if (!useFeatures()?.has('disable')) return null
  const act = (action: 'disable' | 'enable') => async (reason: string) => {
    await v2(`${path}/${action}`, { method: 'POST', body: reason ? { reason } : {} })
    say(t(action === 'disable' ? 'wasDisabled' : 'wasEnabled', { name }))
    done()
  }
  return status.disabled
    ? <Ask label={t('enable')} title={t('enableTitle', { name })} text={t('enableText')} act={act('enable')} />
    : <Ask label={t('disable')} danger reason title={t('disableTitle', { name })} text={t('disableText')}
        act={act('disable')} />
}

function Addresses({ proxy, info }: { readonly proxy: Proxy; readonly info: SystemInfo | undefined }) {
  const found = info ? addressesOf(proxy, info.config, location.hostname) : []
  if (!found.length) return null
  return (
    <Card title={t('addresses')}>
      <ul class="facts">
        {found.map(({ text, web }) => (
          <li key={text}><Copyable text={text} />{web && <QrButton text={text} />}</li>
        ))}
      </ul>
    </Card>
  )
}

function configFacts(proxy: Proxy): Fact[] {
  const block = blockOf(proxy)
  const { transport } = block
  const flag = (label: string, on: boolean | undefined): Fact => ({ label, value: on ? t('yes') : t('no') })
  const texts: readonly (readonly [string, string | undefined])[] = [
    [t('domains'), block.customDomains?.join(', ')],
    [t('subdomain'), block.subdomain],
    [t('locations'), block.locations?.join(', ')],
    [t('hostRewrite'), block.hostHeaderRewrite],
    [t('multiplexer'), block.multiplexer],
    [t('routeUser'), block.routeByHTTPUser],
    [t('group'), block.loadBalancer?.group],
    [t('bandwidth'), transport?.bandwidthLimit && `${transport.bandwidthLimit} (${transport.bandwidthLimitMode})`],
  ]
  return [
    ...(proxy.clientID || proxy.user
      ? [{ label: t('client'), value: <a href={clientHref(proxy)}>{[proxy.user, proxy.clientID].filter(Boolean).join('.')}</a> }]
      : []),
    flag(t('encryption'), transport?.useEncryption),
    flag(t('compression'), transport?.useCompression),
    ...texts.flatMap(([label, value]) => (value ? [{ label, value: <span class="mono">{value}</span> }] : [])),
  ]
}

const clientHref = ({ user, clientID }: Proxy): string =>
  href(['clients', user ? `${user}.${clientID}` : clientID])

function Annotations({ proxy }: { readonly proxy: Proxy }) {
  const { annotations = {}, metadatas = {} } = blockOf(proxy)
  const facts = Object.entries({ ...metadatas, ...annotations }).map(([label, value]) => ({ label, value }))
  return facts.length ? <Card title={t('annotations')}><Facts facts={facts} /></Card> : null
}
