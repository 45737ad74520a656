/** Bytes of seven days as bars, in and out beside each other. */
import { bytes, day } from '../lib/format'
import { prefs } from '../lib/prefs'
import { t } from '../text'
import type { Traffic } from './types'

const WIDTH = 700
const HEIGHT = 150
const BAR = 22

export function WeekBars({ history }: { readonly history: Traffic['history'] }) {
  if (history.every(({ trafficIn, trafficOut }) => !trafficIn && !trafficOut)) return <p class="muted">{t('noTraffic')}</p>
  const most = Math.max( ...history.flatMap(({ trafficIn, trafficOut }) => [trafficIn, trafficOut]))
  const step = WIDTH / Math.max(1, history.length)
  const height = (value: number) => (value ? Math.max(2, (value / most) * HEIGHT) : 0)
  return (
    <>
      <div class="plot-head">
        <span class="legend in">{t('in')}</span><span class="legend out">{t('out')}</span>
        <span class="muted">{t('most', { value: bytes(most) })}</span>
      </div>
      <svg class="bars" viewBox={`0 0 ${WIDTH} ${HEIGHT + 1}`} role="img" aria-label={summary(history)}
        preserveAspectRatio="none">
        <line class="axis" x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {history.map(({ date, trafficIn, trafficOut }, index) => {
          const middle = (index + 0.5) * step
          return (
            <g key={date}>
              <title>{`${day(date, prefs.locale)}: ${t('inOut', { in: bytes(trafficIn), out: bytes(trafficOut) })}`}</title>
              <rect class="in" x={middle - BAR - 1} width={BAR} y={HEIGHT - height(trafficIn)} height={height(trafficIn)} rx="3" />
              <rect class="out" x={middle + 1} width={BAR} y={HEIGHT - height(trafficOut)} height={height(trafficOut)} rx="3" />
            </g>
          )
        })}
      </svg>
      <ol class="bar-days" aria-hidden="true">
        {history.map(({ date }) => <li key={date}>{day(date, prefs.locale)}</li>)}
      </ol>
    </>
  )
}

const summary = (history: Traffic['history']): string =>
  history.map(({ date, trafficIn, trafficOut }) =>
    `${day(date, prefs.locale)}: ${t('inOut', { in: bytes(trafficIn), out: bytes(trafficOut) })}`).join('; ')
