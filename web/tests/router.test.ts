import { expect, test } from 'vitest'
import { href, parse } from '../src/lib/router'

test('names with any characters survive the address', () => {
  for (const name of ['a/b', '<img src=x>', 'ü?q=1&#', '100%', '..']) {
    expect(parse(href(['proxy', name], { page: '2' }))).toEqual({ path: ['proxy', name], query: { page: '2' } })
  }
})

test('empty values are left out, and wrong escapes are texts', () => {
  expect(href(['clients'], { q: '', page: '1' })).toBe('#/clients?page=1')
  expect(parse('#/proxy/%zz')).toEqual({ path: ['proxy', '%zz'], query: {} })
  expect(parse('')).toEqual({ path: [], query: {} })
})
