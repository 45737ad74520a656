/** Parts of lists: search, tabs, pager. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../text'
import { Icon } from './icons'

const PAUSE_MS = 250

interface SearchProps {
  readonly value: string
  readonly onSearch: (text: string) => void
}

/** A field whose text is reported when the typing pauses; `/` moves to it. */
export function Search({ value, onSearch }: SearchProps) {
  const [text, setText] = useState(value)
  const input = useRef<HTMLInputElement>(null)
  const timer = useRef<number | undefined>(undefined)
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      if (event.key !== '/' || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return
      event.preventDefault()
      input.current?.focus()
    }
    document.addEventListener('keydown', key)
    return () => {
      document.removeEventListener('keydown', key)
      clearTimeout(timer.current)
    }
  }, [])
  return (
    <div class="search">
      <Icon name="search" size={16} />
      <input ref={input} class="field-input" type="search" value={text} placeholder={t('search')}
        aria-label={t('search')} onInput={(event) => {
          const next = event.currentTarget.value
          setText(next)
          clearTimeout(timer.current)
          timer.current = window.setTimeout(() => onSearch(next), PAUSE_MS)
        }} />
    </div>
  )
}

export interface Tab {
  readonly key: string
  readonly label: string
  readonly href: string
}

export function Tabs({ tabs, current, label }: {
  readonly tabs: readonly Tab[]
  readonly current: string
  readonly label: string
}) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.key} href={tab.href} aria-current={tab.key === current ? 'true' : undefined}>{tab.label}</a>
      ))}
    </nav>
  )
}

export const PAGE_SIZES = [10, 20, 50, 100] as const

interface PagerProps {
  readonly total: number
  readonly page: number
  readonly pageSize: number
  readonly onChange: (change: { readonly page: string; readonly pageSize: string }) => void
}

export function Pager({ total, page, pageSize, onChange }: PagerProps) {
  const pages = Math.max(1, Math.ceil(total / pageSize))
  const go = (to: number, size = pageSize) => onChange({ page: String(to), pageSize: String(size) })
  const first = total ? (page - 1) * pageSize + 1 : 0
  return (
    <div class="pager">
      <span class="num">{t('range', { first, last: Math.min(total, page * pageSize), total })}</span>
      <select value={pageSize} aria-label={t('pageSize')} onChange={(event) => go(1, Number(event.currentTarget.value))}>
        {PAGE_SIZES.map((size) => <option key={size} value={size}>{size}</option>)}
      </select>
      <button type="button" class="button icon small" disabled={page <= 1} aria-label={t('previous')}
        onClick={() => go(page - 1)}><Icon name="left" size={16} /></button>
      <span class="num">{page} / {pages}</span>
      <button type="button" class="button icon small" disabled={page >= pages} aria-label={t('next')}
        onClick={() => go(page + 1)}><Icon name="right" size={16} /></button>
    </div>
  )
}
