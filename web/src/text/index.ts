/** The texts of the pages. A key that a language lacks is a type error. */
import { prefs } from '../lib/prefs'
import { en } from './en'
import { zh } from './zh'

export type Key = keyof typeof en
export type Texts = Readonly<Record<Key, string>>

const TEXTS: Readonly<Record<'en' | 'zh', Texts>> = { en, zh }

/** The text of `key` in the chosen language, with `{name}` replaced by the values. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return fill(TEXTS[prefs.lang][key], values)
}

export const fill = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
