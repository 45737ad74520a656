import { expect, test } from 'vitest'
import { ago, bytes, day, rate } from '../src/lib/format'

test('bytes have three digits and a decimal unit', () => {
  expect([0, 7, 999, 1000, 1234, 99_960, 999_499, 999_500, 1.5e9, 2e18].map(bytes)).toEqual([
    '0 B', '7 B', '999 B', '1.00 kB', '1.23 kB', '100.0 kB', '999 kB', '1.00 MB', '1.50 GB', '2000 PB',
  ])
  expect(rate(2500)).toBe('2.50 kB/s')
})

test('a time is told by its distance, never in the future', () => {
  expect(ago(1000, 1000, 'en-GB')).toBe('now')
  expect(ago(1000, 1059, 'en-GB')).toBe('59 seconds ago')
  expect(ago(1000, 1000 + 2 * 86_400, 'en-GB')).toBe('2 days ago')
  expect(ago(1000, 900, 'en-GB')).toBe('now')
  expect(ago(1000, 1000 + 3600, 'zh-CN')).toBe('1小时前')
})

test('a day is its date in UTC', () => {
  expect(day('2026-11-29', 'en-GB')).toBe('29 Nov')
})
