/** What a check of the configuration found. */
import { type Key, t } from '../text'
import { Badge, type Tone, TypeBadge } from '../ui/parts'
import type { Check, Problem } from './types'

interface ProblemsProps {
  readonly problems: readonly Problem[]
  readonly onPick: (line: number) => void
}

export function Problems({ problems, onPick }: ProblemsProps) {
  return (
    <ul class="problems">
      {problems.map(({ line, key, message, hint, file }, index) => (
        <li key={index}>
          {line > 0 && !file
            ? <button type="button" class="button small" onClick={() => onPick(line)}>{t('line', { n: line })}</button>
            : <span class="muted">{file ?? ''}</span>}
          <div>
            {key && <code>{key}</code>} {message}
            {hint && <p class="muted">{hint}</p>}
          </div>
        </li>
      ))}
    </ul>
  )
}

const KINDS: readonly (readonly ['added' | 'changed' | 'removed', Key, Tone])[] =
  [['added', 'willStart', 'good'], ['changed', 'willChange', 'accent'], ['removed', 'willStop', 'bad']]

export function Changes({ check: { changes, warnings = [] } }: { readonly check: Check }) {
  const found = KINDS.flatMap(([key, label, tone]) => changes[key].map((change) => ({ ...change, label, tone })))
  const { restart = [] } = changes
  return (
    <>
      {found.length
        ? <ul class="changes">
            {found.map(({ kind, name, type, label, tone }) => (
              <li key={`${kind} ${name}`}>
                <Badge tone={tone}>{t(label)}</Badge><span class="muted">{t(kind)}</span>
                <strong>{name}</strong><TypeBadge type={type} />
              </li>
            ))}
          </ul>
        : <p class="muted">{t('noChanges')}</p>}
      {restart.length > 0 && <p class="notice warn">{t('needsRestart')} <code>{restart.join(', ')}</code></p>}
      {warnings.map((warning) => <p key={warning} class="notice warn">{warning}</p>)}
    </>
  )
}
