/** The plots of the overview: the last hour, live, and the last week by day. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { v2 } from '../lib/api'
import { bytes, count, rate } from '../lib/format'
import { prefs } from '../lib/prefs'
import { useEvent, useResource } from '../lib/resource'
import { type Key, t } from '../text'
import { Card } from '../ui/parts'
import { Plot } from '../ui/plot'
import { useFeatures } from './features'
import { cropped, type Figures, figuresOf, NO_FIGURES, perSecond, sampleBetween, withSample } from './samples'
import type { History, Sample, SystemInfo } from './types'

type Range = 'hour' | 'week'
const RANGES: readonly (readonly [Range, Key])[] = [['hour', 'lastHour'], ['week', 'lastWeek']]

export function Plots({ info }: { readonly info: SystemInfo }) {
  const [range, setRange] = useState<Range>('hour')
  const features = useFeatures()
  const hour = useHour(info, features ? features.has('history') : null)
  const week = useResource(v2<History>, range === 'week' ? 'history?range=week' : null)
  const figures = range === 'hour' ? cropped(hour) : week.data ? figuresOf(week.data) : NO_FIGURES
  const switches = features?.has('history') && (
    <div class="tabs" role="group" aria-label={t('range_')}>
      {RANGES.map(([key, label]) => (
        <button key={key} type="button" aria-pressed={key === range} onClick={() => setRange(key)}>{t(label)}</button>
      ))}
    </div>
  )
  return (
    <Card title={t('activity')} tools={switches}>
      <div class="plots"><ThreePlots figures={figures} days={range === 'week'} /></div>
    </Card>
  )
}

/** The last hour: what the server kept, and each sample since; of an older server, what this page has seen. */
function useHour(info: SystemInfo, kept: boolean | null): Figures {
  const [figures, setFigures] = useState(NO_FIGURES)
  const history = useResource(v2<History>, kept ? 'history?range=hour' : null, TICKS)
  const before = useRef(info)
  useEffect(() => {
    if (history.data) setFigures(figuresOf(history.data))
  }, [history.data])
  useEvent<Sample>('sample', (sample) => setFigures((old) => withSample(old, sample)))
  useEffect(() => {
    if (kept !== false || before.current === info) return
    const sample = sampleBetween(before.current, info, Math.floor(Date.now() / 1000))
    before.current = info
    setFigures((old) => withSample(old, sample))
  }, [info, kept])
  return figures
}

const TICKS = ['no-event'] as const

interface ThreeProps {
  readonly figures: Figures
  readonly days: boolean
}

function ThreePlots({ figures, days }: ThreeProps) {
  const { step, times } = figures
  const per = (values: readonly number[]) => (days ? values : perSecond(values, step))
  const traffic = days ? bytes : rate
  const [down, up] = [per(figures.trafficIn), per(figures.trafficOut)]
  const fresh = per(figures.newConnections)
  const plain = (value: number) => count(Math.round(value * 10) / 10, prefs.locale)
  const now = (values: readonly number[]) => values.at(-1) ?? 0
  const shared = { times, bars: days }
  return (
    <>
      <figure class="wide">
        <PlotHead title={t(days ? 'traffic' : 'throughput')}>
          <span class="legend in">{t('in')} {traffic(now(down))}</span>
          <span class="legend out">{t('out')} {traffic(now(up))}</span>
        </PlotHead>
        <Plot key={days ? 'days' : 'live'} {...shared} format={traffic} least={1000}
          summary={`${t('throughput')}: ${t('inOut', { in: traffic(now(down)), out: traffic(now(up)) })}`}
          series={[
            { label: t('in'), color: '--in', values: down },
            { label: t('out'), color: '--out', values: up },
          ]} />
      </figure>
      <figure>
        <PlotHead title={t('connections')}><span class="legend in">{plain(now(figures.connections))}</span></PlotHead>
        <Plot key={days ? 'days' : 'live'} {...shared} format={plain} least={4}
          summary={`${t('connections')}: ${plain(now(figures.connections))}`}
          series={[{ label: t('connections'), color: '--in', values: figures.connections }]} />
      </figure>
      <figure>
        <PlotHead title={t(days ? 'newConnections' : 'newPerSecond')}>
          <span class="legend out">{plain(now(fresh))}</span>
        </PlotHead>
        <Plot key={days ? 'days' : 'live'} {...shared} format={plain} least={4}
          summary={`${t('newConnections')}: ${plain(now(fresh))}`}
          series={[{ label: t('newConnections'), color: '--out', values: fresh }]} />
      </figure>
    </>
  )
}

function PlotHead({ title, children }: { readonly title: string; readonly children: preact.ComponentChildren }) {
  return <figcaption class="plot-head"><h3>{title}</h3>{children}</figcaption>
}
