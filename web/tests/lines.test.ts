import { expect, test } from 'vitest'
import { lineStart, marksOf } from '../src/editor/lines'

test('a line begins after the line before it', () => {
  expect([1, 2, 3, 4, 9].map((line) => lineStart('ab\n\nc', line))).toEqual([0, 3, 4, 5, 5])
})

test('problems of one line share its mark; those of other files have none', () => {
  const marks = marksOf([
    { line: 2, message: 'a' }, { line: 2, message: 'b' }, { line: 0, message: 'c' },
    { line: 3, message: 'd', file: 'other.toml' },
  ])
  expect([...marks]).toEqual([[2, 'a\nb']])
})
