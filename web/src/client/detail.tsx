/** One proxy or visitor of a frpc: its definition, and what can be done with it where it is stored. */
import { json } from '../lib/api'
import { useResource } from '../lib/resource'
import { href } from '../lib/router'
import { type Table, textOf, type Value } from '../form/schema'
import { t } from '../text'
import { Ask } from '../ui/dialog'
import { Badge, Card, Copyable, type Fact, Facts, PageHead, Pending, TypeBadge } from '../ui/parts'
import { QrButton } from '../ui/qr'
import { say, sayError } from '../ui/toast'
import { Fault } from './fault'
import { useInfo } from './info'
import { Health } from './proxies'
import { rowsOf } from './rows'
import { StateBadge } from './statebadge'
import { blockOf, type Definition, type EntryKind, pluralOf, type Statuses, type VisitorStatus } from './types'

const EVENTS = ['status', 'visitor', 'connection'] as const

type Stored = Readonly<Partial<Record<'proxies' | 'visitors', readonly Definition[]>>>

interface Props {
  readonly kind: EntryKind
  readonly name: string
}

export function Detail({ kind, name }: Props) {
  const info = useInfo()
  const encoded = encodeURIComponent(name)
  const definition = useResource(json<Definition>, `${kind}/${encoded}/config`, EVENTS)
  const store = useResource(json<Stored>, info?.store ? `store/${pluralOf(kind)}` : null, EVENTS)
  const stored = store.data && ((store.data.proxies ?? store.data.visitors ?? []).find((entry) => entry.name === name) ?? null)
  const list = kind === 'proxy' ? [] : ['visitors']
  const crumbs = <><a href={href(list)}>{t(pluralOf(kind))}</a> /</>
  if (!definition.data) return <div class="page"><PageHead title={name} crumbs={crumbs} /><Pending of={definition} /></div>
  const reload = () => {
    definition.reload()
    store.reload()
  }
  return (
    <div class="page">
      <PageHead crumbs={crumbs} title={name}
        note={<span class="badges"><TypeBadge type={definition.data.type} />{stored && <Badge>{t('fromStore')}</Badge>}</span>}>
        {stored && <Actions kind={kind} definition={stored} done={reload} />}
      </PageHead>
      {kind === 'proxy' ? <Running name={name} /> : <RunningVisitor name={name} />}
      <Card title={t('configuration')}><Facts facts={factsOf(blockOf(definition.data)).filter(({ label }) => label !== 'name' && label !== 'type')} /></Card>
      {info?.store && stored === null && <p class="muted">{t('fromFileNote')}</p>}
    </div>
  )
}

function Running({ name }: { readonly name: string }) {
  const statuses = useResource(json<Statuses>, 'status', EVENTS)
  const row = rowsOf(statuses.data ?? {}, []).find((one) => one.name === name)
  if (!row) return null
  const facts: Fact[] = [
    { label: t('state'), value: <span class="badges"><StateBadge state={row.state} /><Health health={row.health} /></span> },
    { label: t('service'), value: <span class="mono">{row.local || '–'}</span> },
    ...row.remote.map((text): Fact => {
      const web = row.type === 'http' || row.type === 'https' ? `${row.type}://${text}` : ''
      return { label: t('reachedAt'), value: <><Copyable text={web || text} />{web && <QrButton text={web} />}</> }
    }),
  ]
  return (
    <>
      {row.error && <div class="notice bad" role="alert"><Fault error={row.error} hint={row.hint} /></div>}
      <Card><Facts facts={facts} /></Card>
    </>
  )
}

function RunningVisitor({ name }: { readonly name: string }) {
  const visitors = useResource(json<{ visitors: readonly VisitorStatus[] }>, 'visitors', EVENTS)
  const visitor = visitors.data?.visitors.find((one) => one.name === name)
  if (!visitor) return null
  const { state, error, hint, bindAddr, bindPort, serverName } = visitor
  return (
    <>
      {error && <div class="notice bad" role="alert"><Fault error={error} hint={hint} /></div>}
      <Card><Facts facts={[
        { label: t('state'), value: <StateBadge state={state} /> },
        { label: t('visits'), value: serverName || '–' },
        ...(bindPort > 0 ? [{ label: t('listensAt'), value: <Copyable text={`${bindAddr || '127.0.0.1'}:${bindPort}`} /> }] : []),
      ]} /></Card>
    </>
  )
}

interface ActionsProps {
  readonly kind: EntryKind
  readonly definition: Definition
  readonly done: () => void
}

function Actions({ kind, definition, done }: ActionsProps) {
  const { name, type } = definition
  const block = blockOf(definition)
  const off = block['enabled'] === false
  const path = `store/${pluralOf(kind)}/${encodeURIComponent(name)}`
  const turn = () => {
    json(path, { method: 'PUT', body: { name, type, [type]: { ...block, enabled: off } } }).then(() => {
      say(t(off ? 'wasEnabled' : 'wasDisabled', { name }))
      done()
    }, sayError)
  }
  return (
    <>
      <button type="button" class="button" onClick={turn}>{t(off ? 'enable' : 'disable')}</button>
      <a class="button" href={href(['edit', kind, name])}>{t('edit')}</a>
      <Ask label={t('delete')} danger title={t('deleteTitle', { name })} text={t('deleteText')} act={async () => {
        await json(path, { method: 'DELETE' })
        say(t('deleted', { name }))
        location.hash = href(kind === 'proxy' ? [] : ['visitors'])
      }} />
    </>
  )
}

const SECRET = /secret|password|groupKey/i

/** The set values of a definition, with their paths; secrets are not shown. */
function factsOf(block: Table, prefix = ''): Fact[] {
  return Object.entries(block).flatMap(([key, value]): Fact[] => {
    const label = prefix + key
    if (value === null || value === undefined || value === '') return []
    if (typeof value === 'object' && !Array.isArray(value)) return factsOf(value as Table, `${label}.`)
    return [{ label, value: <span class="mono">{SECRET.test(key) ? '••••••' : shown(value)}</span> }]
  })
}

const shown = (value: Value): string =>
  Array.isArray(value) ? (value as readonly Value[]).map(textOf).join(', ') : textOf(value)
