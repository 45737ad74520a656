/** The frame of both dashboards: name, menu, switches of language and colours, the state of the connection. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { LiveState } from '../lib/live'
import { prefs, type Theme } from '../lib/prefs'
import { useLive } from '../lib/resource'
import { href } from '../lib/router'
import { type Key, t } from '../text'
import { Icon, type IconName, Logo } from './icons'
import { Toasts } from './toast'

export interface Entry {
  readonly path: string
  readonly label: Key
  readonly icon: IconName
}

interface Props {
  readonly program: 'frps' | 'frpc'
  readonly menu: readonly Entry[]
  /** The path of the entry that the page belongs to. */
  readonly current: string
  /** Changes when another page is shown. */
  readonly pageKey: string
  readonly children: ComponentChildren
}

export function Frame({ program, menu, current, pageKey, children }: Props) {
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)
  useEffect(() => {
    const title = menu.find(({ path }) => path === current)?.label
    document.title = title ? `${t(title)} · ${program}` : program
    if (!first.current) {
      main.current?.focus({ preventScroll: true })
      window.scrollTo(0, 0)
    }
    first.current = false
  }, [pageKey, menu, current, program])
  return (
    <div class="frame">
      <button type="button" class="skip button" onClick={() => main.current?.focus()}>{t('skip')}</button>
      <header class="side">
        <a class="brand" href="#/">
          <Logo />
          <span>{program} <small>{t(program === 'frps' ? 'serverProgram' : 'clientProgram')}</small></span>
        </a>
        <nav class="nav" aria-label={t('menu')}>
          {menu.map(({ path, label, icon }) => (
            <a key={path} href={href(path ? [path] : [])} aria-current={path === current ? 'page' : undefined}>
              <Icon name={icon} />
              {t(label)}
            </a>
          ))}
        </nav>
        <div class="side-foot">
          <LiveMark />
          <div class="tools">
            <ThemeSwitch />
            <LangSwitch />
          </div>
        </div>
      </header>
      <main ref={main} tabIndex={-1}>{children}</main>
      <Toasts />
    </div>
  )
}

const STATE_TEXT: Readonly<Record<LiveState, Key>> = { live: 'live', polling: 'polling', lost: 'lost' }

function LiveMark() {
  const live = useLive()
  const [state, setState] = useState<LiveState>(live.state)
  useEffect(() => live.watch(setState), [live])
  return <span class="live" data-state={state} role="status">{t(STATE_TEXT[state])}</span>
}

const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }
const THEMES: Readonly<Record<Theme, readonly [Key, IconName]>> = {
  system: ['themeSystem', 'system'],
  light: ['themeLight', 'sun'],
  dark: ['themeDark', 'moon'],
}

function ThemeSwitch() {
  const [label, icon] = THEMES[prefs.theme]
  return (
    <button type="button" class="button plain icon" title={t(label)} aria-label={t(label)}
      onClick={() => prefs.setTheme(NEXT[prefs.theme])}>
      <Icon name={icon} />
    </button>
  )
}

function LangSwitch() {
  const other = prefs.lang === 'en' ? 'zh' : 'en'
  return (
    <button type="button" class="button plain" lang={other === 'zh' ? 'zh-CN' : 'en'}
      onClick={() => prefs.setLang(other)}>
      {other === 'zh' ? '中文' : 'English'}
    </button>
  )
}
