import { expect, test } from 'vitest'
import { featuresIn } from '../src/server/features'
import { figuresOf, MOST, NO_FIGURES, perSecond, sampleBetween, withSample } from '../src/server/samples'
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

test('what an older server did is the difference of its totals, also over midnight', () => {
  const info = (traffic: number, connections: number) =>
    ({ status: { totalTrafficIn: traffic, totalTrafficOut: 0, curConns: connections } }) as SystemInfo
  expect(sampleBetween(info(100, 1), info(150, 3), 9)).toMatchObject({ at: 9, trafficIn: 50, newConnections: 2 })
  expect(sampleBetween(info(100, 1), info(30, 0), 9)).toMatchObject({ trafficIn: 30, newConnections: 0 })
})

test('features are read from the paths of the document', () => {
  expect([...featuresIn(['/api/v2/audit', '/api/v2/clients/{key}/kick', '/api/v2/clients'])]).toEqual(['kick', 'audit'])
})
