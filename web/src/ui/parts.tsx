/** Small parts of every page. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ago, moment } from '../lib/format'
import { prefs } from '../lib/prefs'
import type { Resource } from '../lib/resource'
import { t } from '../text'
import { Icon } from './icons'
import { errorText } from './toast'

interface HeadProps {
  readonly title: ComponentChildren
  readonly note?: ComponentChildren
  readonly crumbs?: ComponentChildren
  readonly children?: ComponentChildren
}

export function PageHead({ title, note, crumbs, children }: HeadProps) {
  return (
    <div class="page-head">
      <div>
        {crumbs && <nav class="crumbs" aria-label={t('crumbs')}>{crumbs}</nav>}
        <h1>{title}</h1>
        {note && <p>{note}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </div>
  )
}

interface CardProps {
  readonly title?: string
  readonly tools?: ComponentChildren
  /** Whether the content reaches the border, as tables do. */
  readonly flush?: boolean
  readonly children: ComponentChildren
}

export function Card({ title, tools, flush, children }: CardProps) {
  return (
    <section class="card">
      {(title ?? tools) && <div class="card-head">{title && <h2>{title}</h2>}{tools}</div>}
      {flush ? children : <div class="card-body">{children}</div>}
    </section>
  )
}

interface StatProps {
  readonly label: string
  readonly value?: string
  /** A value in words, set smaller. */
  readonly words?: ComponentChildren
  readonly note?: ComponentChildren
  readonly href?: string
}

export function Stat({ label, value, words, note, href }: StatProps) {
  const content = <><dt>{label}</dt>{value !== undefined && <dd>{value}</dd>}{words && <dd class="words">{words}</dd>}{note && <dd class="note">{note}</dd>}</>
  return href
    ? <a class="card stat" href={href}><dl>{content}</dl></a>
    : <dl class="card stat">{content}</dl>
}

export type Tone = 'plain' | 'good' | 'bad' | 'warn' | 'accent'

export const Badge = ({ tone = 'plain', children }: { readonly tone?: Tone; readonly children: ComponentChildren }) =>
  <span class={`badge ${tone}`}>{children}</span>

export const TypeBadge = ({ type }: { readonly type: string }) => <span class="badge type">{type}</span>

export interface Fact {
  readonly label: string
  readonly value: ComponentChildren
}

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(({ label, value }) => (
        <div key={label}><dt class="label">{label}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  )
}

/** A time of the program; the full time stands in its title. */
export function Time({ at }: { readonly at: number | undefined }) {
  const [now, setNow] = useState(Date.now() / 1000)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 10_000)
    return () => clearInterval(timer)
  }, [])
  if (!at) return <span class="muted">–</span>
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={moment(at, prefs.locale)}>
      {ago(at, Math.max(now, Date.now() / 1000), prefs.locale)}
    </time>
  )
}

/** A text of the program; what stands between backticks is code. */
export function Prose({ text }: { readonly text: string }) {
  const parts = text.replaceAll('``', '`').split('`')
  return <>{parts.map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part))}</>
}

const COPIED_MS = 1500

/** A text with a button that copies it. */
export function Copyable({ text, label }: { readonly text: string; readonly label?: string }) {
  const [copied, setCopied] = useState(false)
  const copy = () => {
    void writeClipboard(text).then(() => {
      setCopied(true)
      setTimeout(() => setCopied(false), COPIED_MS)
    })
  }
  return (
    <span class="copyable">
      <span class="mono">{label ?? text}</span>
      <button type="button" class="button plain icon small" onClick={copy} title={t('copy')}
        aria-label={copied ? t('copied') : t('copyText', { text })}>
        <Icon name={copied ? 'done' : 'copy'} size={14} />
      </button>
    </span>
  )
}

/** `navigator.clipboard` is there only over HTTPS and on this machine. */
async function writeClipboard(text: string): Promise<void> {
  const clipboard = (navigator as { readonly clipboard?: Clipboard }).clipboard
  if (clipboard) return clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the one way without HTTPS
  document.execCommand('copy')
  area.remove()
}

export const Empty = ({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) =>
  <div class="empty"><strong>{title}</strong>{children}</div>

/** What stands instead of data: nothing at first, then the error. */
export function Pending({ of }: { readonly of: Resource<unknown> }) {
  if (!of.error) return <div class="empty" aria-busy="true" />
  return <div class="notice bad" role="alert">{errorText(of.error)}</div>
}
