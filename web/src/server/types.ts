/** The objects of frps's API, version 2, as far as the pages read them. */

export interface Page<T> {
  readonly total: number
  readonly page: number
  readonly pageSize: number
  readonly items: readonly T[]
}

export interface ServerConfig {
  readonly bindPort: number
  readonly vhostHTTPPort: number
  readonly vhostHTTPSPort: number
  readonly tcpmuxHTTPConnectPort: number
  readonly kcpBindPort: number
  readonly quicBindPort: number
  readonly subdomainHost: string
  readonly maxPoolCount: number
  readonly maxPortsPerClient: number
  readonly heartbeatTimeout: number
  readonly allowPortsStr: string
  readonly tlsForce: boolean
}

export interface ServerStatus {
  readonly totalTrafficIn: number
  readonly totalTrafficOut: number
  readonly curConns: number
  readonly clientCounts: number
  readonly proxyTypeCount: Readonly<Record<string, number>>
}

export interface SystemInfo {
  readonly version: string
  readonly config: ServerConfig
  readonly status: ServerStatus
}

export interface Client {
  readonly key: string
  readonly user: string
  readonly clientID: string
  readonly runID: string
  readonly version?: string
  readonly wireProtocol?: string
  readonly hostname: string
  readonly clientIP?: string
  readonly firstConnectedAt: number
  readonly lastConnectedAt: number
  readonly disconnectedAt?: number
  readonly online: boolean
}

export interface ClientDetail extends Client {
  readonly status: { readonly phase: string; readonly curConns: number; readonly proxyCount: number }
}

export interface ProxyBlock {
  readonly annotations?: Readonly<Record<string, string>>
  readonly metadatas?: Readonly<Record<string, string>>
  readonly transport?: {
    readonly useEncryption: boolean
    readonly useCompression: boolean
    readonly bandwidthLimit: string
    readonly bandwidthLimitMode: string
  }
  readonly loadBalancer?: { readonly group: string }
  readonly remotePort?: number
  readonly customDomains?: readonly string[]
  readonly subdomain?: string
  readonly locations?: readonly string[]
  readonly hostHeaderRewrite?: string
  readonly multiplexer?: string
  readonly routeByHTTPUser?: string
}

export interface Proxy {
  readonly name: string
  readonly user: string
  readonly clientID: string
  readonly spec: { readonly type: string } & Readonly<Record<string, ProxyBlock | string | undefined>>
  readonly status: {
    readonly phase: string
    readonly todayTrafficIn: number
    readonly todayTrafficOut: number
    readonly curConns: number
    readonly lastStartAt?: number
    readonly lastCloseAt?: number
    readonly disabled?: boolean
    readonly reason?: string
  }
}

export interface Traffic {
  readonly history: readonly { readonly date: string; readonly trafficIn: number; readonly trafficOut: number }[]
}

export interface Connection {
  readonly id: string | number
  readonly userAddr: string
  readonly startAt: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly rateIn: number
  readonly rateOut: number
}

export interface AuditEntry {
  readonly at: number
  readonly by: string
  readonly action: string
  readonly target: string
  readonly detail: string
  readonly result: string
}

export interface History {
  readonly step: number
  readonly from: number
  readonly trafficIn: readonly number[]
  readonly trafficOut: readonly number[]
  readonly connections: readonly number[]
  readonly newConnections: readonly number[]
}

/** What happened in the last five seconds, and the counts now. */
export interface Sample {
  readonly at: number
  readonly trafficIn: number
  readonly trafficOut: number
  readonly connections: number
  readonly newConnections: number
  readonly clientCounts: number
  readonly proxyTypeCount: Readonly<Record<string, number>>
}

/** The block of a proxy's own type; empty while it is offline. */
export const blockOf = (proxy: Proxy): ProxyBlock => (proxy.spec[proxy.spec.type] ?? {}) as ProxyBlock

export const TYPES = ['tcp', 'udp', 'http', 'https', 'tcpmux', 'stcp', 'xtcp', 'sudp'] as const
