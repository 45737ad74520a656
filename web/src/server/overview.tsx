/** The overview of a server: counts, plots, types of proxies, configuration. */
import { useCallback, useLayoutEffect } from 'preact/hooks'
import { v2 } from '../lib/api'
import { bytes, count } from '../lib/format'
import { prefs } from '../lib/prefs'
import { useEvent, useResource } from '../lib/resource'
import { href } from '../lib/router'
import { t } from '../text'
import { Badge, Card, Copyable, Empty, type Fact, Facts, PageHead, Pending, Stat } from '../ui/parts'
import { loadPlots } from '../ui/plot'
import { Plots } from './plots'
import type { Sample, ServerConfig, ServerStatus, SystemInfo } from './types'

const EVENTS = ['client', 'proxy'] as const

export function Overview() {
  const info = useResource(v2<SystemInfo>, 'system/info', EVENTS)
  const { reload } = info
  useLayoutEffect(() => void loadPlots(), []) // while the facts are on their way
  useEvent<Sample>('sample', useCallback(() => reload(), [reload]))
  if (!info.data) return <div class="page"><PageHead title={t('overview')} /><Pending of={info} /></div>
  const { config, status, version } = info.data
  return (
    <div class="page">
      <PageHead title={t('overview')} />
      <Counts status={status} />
      <Plots info={info.data} />
      <div class="grid">
        <Card title={t('proxyTypes')}><Types counts={status.proxyTypeCount} /></Card>
        <Card title={t('serverConfig')} tools={<Badge>{version}</Badge>}><Facts facts={configFacts(config)} /></Card>
      </div>
    </div>
  )
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

function Counts({ status }: { readonly status: ServerStatus }) {
  const proxies = sum(Object.values(status.proxyTypeCount))
  const { totalTrafficIn, totalTrafficOut } = status
  return (
    <div class="stats">
      <Stat label={t('clients')} value={count(status.clientCounts, prefs.locale)} note={t('onlineNow')}
        href={href(['clients'])} />
      <Stat label={t('proxies')} value={count(proxies, prefs.locale)} note={t('runningNow')} href={href(['proxies'])} />
      <Stat label={t('connections')} value={count(status.curConns, prefs.locale)} note={t('openNow')} />
      <Stat label={t('trafficToday')} value={bytes(totalTrafficIn + totalTrafficOut)}
        note={t('inOut', { in: bytes(totalTrafficIn), out: bytes(totalTrafficOut) })} />
    </div>
  )
}

function Types({ counts }: { readonly counts: Readonly<Record<string, number>> }) {
  const shown = Object.entries(counts).filter(([, running]) => running > 0)
  if (!shown.length) return <Empty title={t('noProxies')}>{t('noProxiesHint')}</Empty>
  const most = Math.max(...shown.map(([, running]) => running))
  return (
    <ul class="types">
      {shown.sort(([, a], [, b]) => b - a).map(([type, running]) => (
        <li key={type}>
          <a href={href(['proxies', type])}>{type}</a>
          <svg class="meter" aria-hidden="true">
            <rect width={`${(running / most) * 100}%`} height="8" rx="4" />
          </svg>
          <span class="num">{count(running, prefs.locale)}</span>
        </li>
      ))}
    </ul>
  )
}

function configFacts(config: ServerConfig): Fact[] {
  const port = (label: string, value: number): Fact[] => (value ? [{ label, value: <code>{value}</code> }] : [])
  return [
    ...port(t('bindPort'), config.bindPort),
    ...port(t('kcpPort'), config.kcpBindPort),
    ...port(t('quicPort'), config.quicBindPort),
    ...port(t('httpPort'), config.vhostHTTPPort),
    ...port(t('httpsPort'), config.vhostHTTPSPort),
    ...port(t('tcpmuxPort'), config.tcpmuxHTTPConnectPort),
    ...(config.subdomainHost
      ? [{ label: t('subdomainHost'), value: <Copyable text={config.subdomainHost} /> }] : []),
    { label: t('maxPool'), value: config.maxPoolCount },
    { label: t('maxPorts'), value: config.maxPortsPerClient || t('noLimit') },
    ...(config.allowPortsStr ? [{ label: t('allowPorts'), value: <code>{config.allowPortsStr}</code> }] : []),
    { label: t('tlsForce'), value: config.tlsForce ? t('yes') : t('no') },
    { label: t('heartbeat'), value: config.heartbeatTimeout > 0 ? t('seconds', { n: config.heartbeatTimeout }) : t('off') },
  ]
}
