/** A plot over time, by uPlot, which is loaded where plots are shown. */
import { useEffect, useRef } from 'preact/hooks'
import type uPlot from 'uplot'
import { prefs, usePrefs } from '../lib/prefs'

export interface Series {
  readonly label: string
  /** The custom property of the colour. */
  readonly color: '--in' | '--out'
  readonly values: readonly number[]
}

interface Props {
  readonly times: readonly number[]
  readonly series: readonly Series[]
  readonly format: (value: number) => string
  /** The end of the upright axis, at least. */
  readonly least: number
  /** What the plot shows now, for who does not see it. */
  readonly summary: string
  readonly bars?: boolean
}

/** Load uPlot, for a page that will show plots. */
export const loadPlots = (): Promise<typeof uPlot> => import('./uplot').then(({ default: make }) => make)

const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function options({ series, format, bars, least }: Props, make: typeof uPlot, width: number, height: number): uPlot.Options {
  const axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
  }
  const paths = bars ? make.paths.bars?.({ size: [0.5, 36], radius: 0.15 }) : undefined
  return {
    width,
    height,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { x: false, y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, least)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 84, size: 28, values: (plot, times) => timeLabels(plot, times, bars) },
      { ...axis, size: 66, space: 36, values: (_plot, values) => values.map(format) },
    ],
    series: [
      {},
      ...series.map((one): uPlot.Series => ({
        label: one.label,
        stroke: color(one.color),
        fill: bars ? color(one.color) : `${color(one.color)}1f`,
        width: bars ? 0 : 1.75,
        points: { show: false },
        ...(paths ? { paths } : {}),
      })),
    ],
  }
}

const FINE_SECONDS = 600

function timeLabels(plot: uPlot, times: readonly number[], days: boolean | undefined): string[] {
  const { min = 0, max = 0 } = plot.scales['x'] ?? {}
  const fine: Intl.DateTimeFormatOptions = max - min < FINE_SECONDS ? { second: '2-digit' } : {}
  const shape: Intl.DateTimeFormatOptions = days
    ? { day: 'numeric', month: 'short' }
    : { hour: '2-digit', minute: '2-digit', hour12: false, ...fine }
  const format = new Intl.DateTimeFormat(prefs.locale, shape)
  return times.map((at) => format.format(at * 1000))
}

export function Plot(props: Props) {
  const { theme, isDark, lang } = usePrefs()
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(props)
  latest.current = props
  const shape = `${theme} ${isDark ? 'dark' : 'light'} ${lang} ${props.bars ? 'bars' : 'lines'}`

  useEffect(() => {
    const element = box.current
    if (!element) return
    let gone = false
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: element.clientHeight })
    })
    void loadPlots().then((make) => {
      if (gone) return
      const { clientWidth, clientHeight } = element
      plot.current = new make(options(latest.current, make, clientWidth, clientHeight), data(latest.current), element)
      observer.observe(element)
    })
    return () => {
      gone = true
      observer.disconnect()
      plot.current?.destroy()
      plot.current = null
    }
  }, [shape])

  useEffect(() => {
    plot.current?.setData(data(props))
  })

  return <div ref={box} class="plot" role="img" aria-label={props.summary} />
}

const data = ({ times, series }: Props): uPlot.AlignedData =>
  [[...times], ...series.map(({ values }) => [...values])] as uPlot.AlignedData
