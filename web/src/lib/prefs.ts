/** Choices of the reader that this browser keeps: language and colours. */
import { useEffect, useState } from 'preact/hooks'

export type Theme = 'system' | 'light' | 'dark'
export type Lang = 'en' | 'zh'

function stored(key: string): string | null {
  try {
    return localStorage.getItem(`aiofrp.${key}`)
  } catch {
    return null // cookies and storage are off
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(`aiofrp.${key}`, value)
  } catch {
    // the choice holds until the page is closed
  }
}

class Prefs {
  private readonly watchers = new Set<() => void>()
  theme: Theme = 'system'
  lang: Lang = 'en'

  constructor() {
    const theme = stored('theme')
    if (theme === 'light' || theme === 'dark') this.theme = theme
    const lang = stored('lang')
    this.lang = lang === 'en' || lang === 'zh' ? lang : navigator.language.startsWith('zh') ? 'zh' : 'en'
    this.apply()
    dark.addEventListener('change', () => this.changed())
  }

  get isDark(): boolean {
    return this.theme === 'dark' || (this.theme === 'system' && dark.matches)
  }

  get locale(): string {
    return this.lang === 'zh' ? 'zh-CN' : 'en-GB'
  }

  setTheme(theme: Theme): void {
    this.theme = theme
    store('theme', theme)
    this.changed()
  }

  setLang(lang: Lang): void {
    this.lang = lang
    store('lang', lang)
    this.changed()
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => {
      this.watchers.delete(watcher)
    }
  }

  private changed(): void {
    this.apply()
    for (const watcher of this.watchers) watcher()
  }

  private apply(): void {
    document.documentElement.lang = this.locale
    document.documentElement.dataset['theme'] = this.isDark ? 'dark' : 'light'
  }
}

const dark = window.matchMedia('(prefers-color-scheme: dark)')
export const prefs = new Prefs()

/** The choices; the component is drawn again when one changes. */
export function usePrefs(): Prefs {
  const [, redraw] = useState(0)
  useEffect(() => prefs.watch(() => redraw((n) => n + 1)), [])
  return prefs
}
