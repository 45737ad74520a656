import { expect, test } from 'vitest'
import { compact, dotted, groupsOf, hasField, kindOf, type Schema, setIn, textOf, variantsOf } from '../src/form/schema'

const variant = (type: string, properties: Record<string, Schema> = {}): Schema =>
  ({ type: 'object', properties: { type: { const: type }, ...properties } })

const SCHEMA: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string', 'x-group': 'General' },
    type: { const: 'new', 'x-group': 'General' },
    port: { type: 'integer', 'x-group': 'Service' },
    key: { type: 'string', format: 'password', 'x-group': 'General' },
    mode: { type: 'string', enum: ['', 'a'], 'x-group': 'Service' },
    domains: { type: 'array', items: { type: 'string' } },
    headers: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
    notes: { type: 'object', additionalProperties: { type: 'string' } },
    on: { type: 'boolean' },
    check: { type: 'object', properties: { path: { type: 'string' } } },
    plugin: { oneOf: [variant('x'), variant('y', { path: { type: 'string' } })] },
    odd: { type: 'array', items: { type: 'array' } },
  },
}

test('the field of a value follows from its schema', () => {
  const kinds = Object.entries(SCHEMA.properties ?? {}).map(([key, schema]) => [key, kindOf(schema)])
  expect(Object.fromEntries(kinds)).toEqual({
    name: 'text', type: 'const', port: 'number', key: 'secret', mode: 'choice', domains: 'texts', headers: 'rows',
    notes: 'map', on: 'flag', check: 'table', plugin: 'variant', odd: 'json',
  })
  expect([...variantsOf(SCHEMA.properties?.['plugin'] ?? {}).keys()]).toEqual(['x', 'y'])
})

test('groups and fields keep the order of the models, without constants', () => {
  expect(groupsOf(SCHEMA).slice(0, 2)).toEqual([
    { name: 'General', keys: ['name', 'key'] }, { name: 'Service', keys: ['port', 'mode'] },
  ])
})

test('values change at a path and leave the others as they are', () => {
  const before = { check: { path: '/a' }, headers: [{ name: 'x' }] }
  expect(setIn(before, ['headers', 1, 'name'], 'y')).toEqual({ check: { path: '/a' }, headers: [{ name: 'x' }, { name: 'y' }] })
  expect(setIn(undefined, ['a', 'b'], 1)).toEqual({ a: { b: 1 } })
  expect(before.headers).toHaveLength(1)
})

test('what is empty is not sent, what is false or 0 is', () => {
  expect(compact({ a: '', b: { c: undefined, d: [''] }, e: false, f: 0, g: ['x', ''], h: [{}], i: null }))
    .toEqual({ e: false, f: 0, g: ['x'] })
  expect(compact({ a: { b: '' } })).toBeUndefined()
})

test('messages find their fields by the path of the program', () => {
  expect(dotted(['check', 'headers', 0, 'name'])).toBe('check.headers[0].name')
  for (const path of ['name', 'check.path', 'headers[2].name', 'plugin.path', 'notes.any', 'domains[1]']) {
    expect(hasField(SCHEMA, path), path).toBe(true)
  }
  for (const path of ['', 'none', 'check.none', 'name.x', 'headers[0].none']) expect(hasField(SCHEMA, path), path).toBe(false)
})

test('a text field shows any value', () => {
  expect([undefined, null, 'a', 1, true, { a: [1] }].map(textOf)).toEqual(['', '', 'a', '1', 'true', '{"a":[1]}'])
})
