/** Rows of the list of proxies: what runs, and what the store has and does not run. Pure. */
import { blockOf, type Definition, type ProxyStatus, type Statuses } from './types'

export interface Row {
  readonly name: string
  readonly type: string
  readonly state: string
  readonly error: string
  /** Cause of the error and the next step, where they are known. */
  readonly hint: string
  readonly local: string
  readonly remote: readonly string[]
  readonly health: string
  readonly stored: boolean
}

export const DISABLED = 'disabled'

export function rowsOf(statuses: Statuses, stored: readonly Definition[]): readonly Row[] {
  const running = Object.values(statuses).flat().map(rowOf)
  const names = new Set(running.map(({ name }) => name))
  const others = stored.filter(({ name }) => !names.has(name)).map((definition): Row => ({
    name: definition.name, type: definition.type, error: '', hint: '', local: localOf(definition), remote: [], health: '',
    state: blockOf(definition)['enabled'] === false ? DISABLED : 'waiting', stored: true,
  }))
  return [...running, ...others].sort((a, b) => a.name.localeCompare(b.name))
}

function rowOf(status: ProxyStatus): Row {
  return {
    name: status.name,
    type: status.type,
    state: status.status,
    error: status.err,
    hint: status.hint ?? '',
    local: status.local_addr || (status.plugin && `plugin ${status.plugin}`),
    remote: status.remote_addr.split(',').filter(Boolean),
    health: status.health ?? '',
    stored: status.source === 'store',
  }
}

function localOf(definition: Definition): string {
  const { localIP, localPort, plugin } = blockOf(definition) as {
    localIP?: string; localPort?: number; plugin?: { type?: string } | null
  }
  if (plugin?.type) return `plugin ${plugin.type}`
  return localPort ? `${localIP ?? '127.0.0.1'}:${localPort}` : ''
}

export type StateFilter = '' | 'running' | 'error' | 'other'

/** Which of the filters a state belongs to. */
export function filterOf(state: string): StateFilter {
  if (state === 'running') return 'running'
  return /error|failed/.test(state) ? 'error' : 'other'
}

export function matches(row: Row, filter: StateFilter, source: string, text: string): boolean {
  const wanted = text.toLowerCase()
  return (filter === '' || filterOf(row.state) === filter)
    && (source === '' || (source === 'store') === row.stored)
    && [row.name, row.type, row.local, row.error, row.hint, ...row.remote].some((part) => part.toLowerCase().includes(wanted))
}
