import { expect, test } from 'vitest'
import { featuresIn } from '../src/server/features'
import { cropped, figuresOf, MOST, NO_FIGURES, perSecond, sampleBetween, withSample } from '../src/server/samples'
import type { Sample, SystemInfo } from '../src/server/types'

const sample = (at: number, traffic = 0): Sample => ({
  at, trafficIn: traffic, trafficOut: 2 * traffic, connections: 1, newConnections: 0, clientCounts: 1,
  proxyTypeCount: {},
})

test('samples follow the history, an hour of them is kept, and none counts twice', () => {
  let figures = figuresOf({
    step: 5, from: 100, trafficIn: [10, 20], trafficOut: [1, 2], connections: [0, 3], newConnections: [0, 3],
  })
  expect(figures.times).toEqual([100, 105])
  figures = withSample(withSample(figures, sample(110, 50)), sample(110, 50))
  expect(figures.times).toEqual([100, 105, 110])
  expect(perSecond(figures.trafficIn, figures.step)).toEqual([2, 4, 10])
  for (let at = 115; at < 115 + 5 * MOST; at += 5) figures = withSample(figures, sample(at))
  expect(figures.times).toHaveLength(MOST)
  expect(withSample(NO_FIGURES, sample(5)).times).toEqual([5])
})

test('the time before the first traffic is left out, but for five minutes', () => {
  const zeros = Array.from({ length: 720 }, () => 0)
  const quiet = figuresOf({ step: 5, from: 0, trafficIn: zeros, trafficOut: zeros, connections: zeros, newConnections: zeros })
  expect(cropped(quiet).times).toHaveLength(60)
  const busy = { ...quiet, connections: zeros.map((_zero, index) => (index >= 500 ? 1 : 0)) }
  expect(cropped(busy).times[0]).toBe(499 * 5)
  expect(cropped(busy).connections).toHaveLength(221)
  expect(cropped(NO_FIGURES).times).toEqual([])
})

test('what an older server did is the difference of its totals, also over midnight', () => {
  const info = (traffic: number, connections: number) =>
    ({ status: { totalTrafficIn: traffic, totalTrafficOut: 0, curConns: connections } }) as SystemInfo
  expect(sampleBetween(info(100, 1), info(150, 3), 9)).toMatchObject({ at: 9, trafficIn: 50, newConnections: 2 })
  expect(sampleBetween(info(100, 1), info(30, 0), 9)).toMatchObject({ trafficIn: 30, newConnections: 0 })
})

test('features are read from the paths of the document', () => {
  expect([...featuresIn(['/api/v2/audit', '/api/v2/clients/{key}/kick', '/api/v2/clients'])]).toEqual(['kick', 'audit'])
})
