/** The objects of frpc's API, as far as the pages read them. */
import type { Schema, Table } from '../form/schema'

export interface Info {
  readonly version: string
  readonly serverAddr: string
  readonly serverPort: number
  readonly state: 'connected' | 'connecting' | 'stopped'
  readonly since: number
  readonly error: string
  /** Cause of the error and the next step; an older frpc has none. */
  readonly hint?: string
  readonly store: boolean
  readonly configFile: boolean
}

export interface ProxyStatus {
  readonly name: string
  readonly type: string
  readonly status: string
  readonly err: string
  readonly local_addr: string
  readonly plugin: string
  readonly remote_addr: string
  readonly source?: string
  readonly hint?: string
  readonly health?: string
}

export type Statuses = Readonly<Record<string, readonly ProxyStatus[]>>

export interface VisitorStatus {
  readonly name: string
  readonly type: string
  readonly serverName: string
  readonly bindAddr: string
  readonly bindPort: number
  readonly state: string
  readonly error: string
  readonly hint?: string
  readonly source: string
}

export type EntryKind = 'proxy' | 'visitor'

/** A proxy or visitor of the store: its configuration stands under the name of its type. */
export interface Definition {
  readonly name: string
  readonly type: string
  readonly [block: string]: unknown
}

export type Schemas = Readonly<Record<'proxies' | 'visitors', Readonly<Record<string, Schema>>>>

export interface Problem {
  readonly line: number
  readonly column: number
  readonly key: string
  readonly message: string
  readonly hint: string
  readonly file?: string
}

export interface Change {
  readonly kind: EntryKind
  readonly name: string
  readonly type: string
}

export interface Check {
  readonly problems: readonly Problem[]
  readonly warnings?: readonly string[]
  readonly changes: {
    readonly added: readonly Change[]
    readonly removed: readonly Change[]
    readonly changed: readonly Change[]
    readonly restart?: readonly string[]
  }
}

export const pluralOf = (kind: EntryKind): 'proxies' | 'visitors' => (kind === 'proxy' ? 'proxies' : 'visitors')

export const blockOf = (definition: Definition): Table => (definition[definition.type] ?? {}) as Table
