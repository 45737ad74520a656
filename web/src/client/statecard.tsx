/** The login of a frpc, above its lists. */
import { t } from '../text'
import { Badge, Copyable, Time, type Tone } from '../ui/parts'
import type { Key } from '../text'
import { Fault } from './fault'
import { useInfo } from './info'
import type { Info } from './types'

const STATES: Readonly<Record<Info['state'], readonly [Tone, Key]>> = {
  connected: ['good', 'connected'],
  connecting: ['warn', 'connecting'],
  stopped: ['bad', 'stopped'],
}

export function StateCard() {
  const info = useInfo()
  if (!info) return null
  const [tone, label] = STATES[info.state]
  return (
    <section class="card state-card" aria-label={t('login')}>
      <Badge tone={tone}>{t(label)}</Badge>
      <Copyable text={`${info.serverAddr}:${info.serverPort}`} />
      <span class="muted"><Time at={info.since} /></span>
      <span class="muted">{t('versionOf', { version: info.version })}</span>
      <Fault error={info.error} hint={info.hint} />
    </section>
  )
}
