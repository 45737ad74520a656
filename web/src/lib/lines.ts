/** Lines of the log. Pure. */

export interface Line {
  readonly id: number
  readonly at: number
  readonly level: string
  readonly text: string
}

const MOST = 1000
/** Levels from the lowest; a choice shows its own lines and those above. */
const ORDER = ['trace', 'debug', 'info', 'warn', 'error']

const rank = (level: string): number => ORDER.indexOf(level.toLowerCase().replace(/^warning$/, 'warn'))

export const keeps = (line: Line, level: string, text: string): boolean =>
  (level === '' || rank(line.level) >= rank(level)) && line.text.toLowerCase().includes(text.toLowerCase())

/** Lines in the order of their ids, each once, the last thousand. */
export function merged(old: readonly Line[], fresh: readonly Line[]): readonly Line[] {
  const known = new Set(old.map(({ id }) => id))
  const added = fresh.filter(({ id }) => !known.has(id))
  return added.length ? [...old, ...added].sort((a, b) => a.id - b.id).slice(-MOST) : old
}
