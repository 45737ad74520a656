/** The figures behind the plots of the overview. Pure. */
import type { History, Sample, SystemInfo } from './types'

/** Values of equal steps; `times` are the ends of the steps, in unix seconds. */
export interface Figures {
  readonly step: number
  readonly times: readonly number[]
  readonly trafficIn: readonly number[]
  readonly trafficOut: readonly number[]
  readonly connections: readonly number[]
  readonly newConnections: readonly number[]
}

/** Steps of the plot of the last hour. */
export const MOST = 720

const DAY = 86_400

export const NO_FIGURES: Figures = {
  step: 5, times: [], trafficIn: [], trafficOut: [], connections: [], newConnections: [],
}

export function figuresOf(history: History): Figures {
  const middle = history.step === DAY ? DAY / 2 : 0 // of the day, which is of the same date in most zones
  return { ...history, times: history.connections.map((_value, index) => history.from + index * history.step + middle) }
}

/** Steps that are shown at least: five minutes. */
const LEAST = 60

/** `figures` without the steps at their beginning in which nothing was, such as those before the server started. */
export function cropped(figures: Figures): Figures {
  const { trafficIn, trafficOut, connections, newConnections } = figures
  const all = [trafficIn, trafficOut, connections, newConnections]
  const found = figures.times.findIndex((_at, index) => all.some((values) => values[index]))
  const first = Math.max(0, Math.min(found < 0 ? Infinity : found - 1, figures.times.length - LEAST))
  return {
    step: figures.step,
    times: figures.times.slice(first),
    trafficIn: trafficIn.slice(first),
    trafficOut: trafficOut.slice(first),
    connections: connections.slice(first),
    newConnections: newConnections.slice(first),
  }
}

/** `figures` with one step more, and no more than an hour of them. */
export function withSample(figures: Figures, sample: Sample): Figures {
  const last = figures.times.at(-1)
  if (last !== undefined && sample.at <= last) return figures
  const add = (values: readonly number[], value: number) => [...values.slice(1 - MOST), value]
  return {
    step: figures.step,
    times: add(figures.times, sample.at),
    trafficIn: add(figures.trafficIn, sample.trafficIn),
    trafficOut: add(figures.trafficOut, sample.trafficOut),
    connections: add(figures.connections, sample.connections),
    newConnections: add(figures.newConnections, sample.newConnections),
  }
}

/** What a server without events did between two looks at its totals; the day's totals begin again at midnight. */
export function sampleBetween(before: SystemInfo, now: SystemInfo, at: number): Sample {
  const grown = (key: 'totalTrafficIn' | 'totalTrafficOut') =>
    Math.max(0, now.status[key] - (now.status[key] < before.status[key] ? 0 : before.status[key]))
  return {
    at,
    trafficIn: grown('totalTrafficIn'),
    trafficOut: grown('totalTrafficOut'),
    connections: now.status.curConns,
    newConnections: Math.max(0, now.status.curConns - before.status.curConns),
    clientCounts: now.status.clientCounts,
    proxyTypeCount: now.status.proxyTypeCount,
  }
}

/** Values per second of values per step. */
export const perSecond = (values: readonly number[], step: number): number[] => values.map((value) => value / step)
