import { expect, test } from 'vitest'
import { filterOf, matches, rowsOf } from '../src/client/rows'
import { addressesOf } from '../src/server/addresses'
import type { Proxy, ServerConfig } from '../src/server/types'

const STATUS = {
  name: 'web', type: 'http', status: 'running', err: '', local_addr: '127.0.0.1:80', plugin: '',
  remote_addr: 'a.example:80,b.example:80', source: 'store',
}

test('what is stored and does not run stands beside what runs', () => {
  const rows = rowsOf({ http: [STATUS] }, [
    { name: 'web', type: 'http', http: {} },
    { name: 'off', type: 'tcp', tcp: { enabled: false, localPort: 22 } },
    { name: 'files', type: 'tcp', tcp: { plugin: { type: 'static_file' } } },
  ])
  expect(rows.map(({ name, state, local, stored }) => [name, state, local, stored])).toEqual([
    ['files', 'waiting', 'plugin static_file', true],
    ['off', 'disabled', '127.0.0.1:22', true],
    ['web', 'running', '127.0.0.1:80', true],
  ])
  expect(rows[2]?.remote).toEqual(['a.example:80', 'b.example:80'])
})

test('an error stands with what its cause may be, and is found by it', () => {
  const failed = { ...STATUS, status: 'start error', err: 'port not allowed', hint: 'hint: The server forbids it.' }
  const [row] = rowsOf({ http: [failed] }, [])
  if (!row) throw new Error('no row')
  expect([row.error, row.hint]).toEqual(['port not allowed', 'hint: The server forbids it.'])
  expect(matches(row, 'error', '', 'forbids')).toBe(true)
})

test('states are found by filter, source and text', () => {
  expect(['running', 'start error', 'check failed', 'wait start', 'disabled'].map(filterOf))
    .toEqual(['running', 'error', 'error', 'other', 'other'])
  const [row] = rowsOf({ http: [STATUS] }, [])
  if (!row) throw new Error('no row')
  expect(matches(row, 'running', 'store', 'B.EXAMPLE')).toBe(true)
  expect(matches(row, 'error', '', '')).toBe(false)
  expect(matches(row, '', 'file', '')).toBe(false)
})

test('addresses name the ports that differ from the usual ones', () => {
  const config = { vhostHTTPPort: 8080, vhostHTTPSPort: 443, subdomainHost: 'example.com' } as ServerConfig
  const proxy = (type: string, block: object) => ({ spec: { type, [type]: block } }) as unknown as Proxy
  const texts = (one: Proxy, host = 'frps') => addressesOf(one, config, host).map(({ text }) => text)
  expect(texts(proxy('tcp', { remotePort: 22 }), '::1')).toEqual(['[::1]:22'])
  expect(texts(proxy('http', { customDomains: ['a.b'], subdomain: 'c', locations: ['/x'] })))
    .toEqual(['http://a.b:8080/x', 'http://c.example.com:8080/x'])
  expect(texts(proxy('https', { customDomains: ['a.b'] }))).toEqual(['https://a.b'])
  expect(texts(proxy('stcp', {}))).toEqual([])
})
