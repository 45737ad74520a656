import { expect, test } from 'vitest'
import { keeps, merged } from '../src/lib/lines'

const line = (id: number, level = 'info', text = '') => ({ id, at: id, level, text })

test('each line is shown once, in order, the last thousand', () => {
  expect(merged([line(1), line(3)], [line(2), line(3)]).map(({ id }) => id)).toEqual([1, 2, 3])
  const old = [line(1)]
  expect(merged(old, [line(1)])).toBe(old)
  expect(merged([], Array.from({ length: 1200 }, (_one, id) => line(id)))).toHaveLength(1000)
})

test('a level shows itself and what is worse', () => {
  const levels = ['trace', 'debug', 'info', 'warning', 'error'].map((level) => line(1, level))
  expect(levels.filter((one) => keeps(one, 'warn', '')).map(({ level }) => level)).toEqual(['warning', 'error'])
  expect(keeps(line(1, 'info', 'New proxy'), '', 'PROXY')).toBe(true)
  expect(keeps(line(1, 'info', 'New proxy'), 'info', 'client')).toBe(false)
})
