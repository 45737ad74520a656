/** Addresses at which users reach a proxy. Pure. */
import { blockOf, type Proxy, type ServerConfig } from './types'

export interface Address {
  readonly text: string
  /** Whether a browser opens it, so that a QR code helps. */
  readonly web: boolean
}

/** `host`: the name under which the reader reaches the server. */
export function addressesOf(proxy: Proxy, config: ServerConfig, host: string): Address[] {
  const block = blockOf(proxy)
  const { type } = proxy.spec
  if (block.remotePort) return [{ text: `${bracketed(host)}:${block.remotePort}`, web: false }]
  const domains = [
    ...(block.customDomains ?? []),
    ...(block.subdomain && config.subdomainHost ? [`${block.subdomain}.${config.subdomainHost}`] : []),
  ]
  const paths = block.locations?.length ? block.locations : ['']
  if (type === 'http') {
    const port = suffix(config.vhostHTTPPort, 80)
    return domains.flatMap((domain) => paths.map((path) => ({ text: `http://${domain}${port}${path}`, web: true })))
  }
  if (type === 'https') {
    return domains.map((domain) => ({ text: `https://${domain}${suffix(config.vhostHTTPSPort, 443)}`, web: true }))
  }
  if (type === 'tcpmux') return domains.map((domain) => ({ text: domain, web: false }))
  return []
}

const suffix = (port: number, usual: number): string => (port === 0 || port === usual ? '' : `:${port}`)

const bracketed = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host)
