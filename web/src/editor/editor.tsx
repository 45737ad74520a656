/** A text with line numbers, and marks at the lines that have problems. */
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { t } from '../text'
import { lineStart, marksOf } from './lines'

interface Props {
  readonly value: string
  readonly problems: readonly { readonly line: number; readonly message: string; readonly file?: string }[]
  readonly onChange: (value: string) => void
  /** The line to go to, when it changes; 0 for none. */
  readonly line: number
}

const LINE_PX = 20

export function Editor({ value, problems, onChange, line }: Props) {
  const area = useRef<HTMLTextAreaElement>(null)
  const gutter = useRef<HTMLDivElement>(null)
  const count = useMemo(() => value.split('\n').length, [value])
  const marks = useMemo(() => marksOf(problems), [problems])
  useEffect(() => {
    const element = area.current
    if (!element || line < 1) return
    const start = lineStart(element.value, line)
    const end = lineStart(element.value, line + 1)
    element.focus()
    element.setSelectionRange(start, Math.max(start, end - 1))
    element.scrollTop = (line - 4) * LINE_PX
  }, [line])
  return (
    <div class="editor">
      <div ref={gutter} class="gutter" aria-hidden="true">
        {Array.from({ length: count }, (_line, index) => {
          const message = marks.get(index + 1)
          return <div key={index} class={message ? 'bad' : undefined} title={message}>{index + 1}</div>
        })}
      </div>
      <textarea ref={area} value={value} aria-label={t('config')} spellcheck={false} autocomplete="off"
        autocapitalize="off" wrap="off" aria-invalid={problems.length > 0}
        onInput={(event) => onChange(event.currentTarget.value)}
        onScroll={({ currentTarget: { scrollTop } }) => {
          if (gutter.current) gutter.current.scrollTop = scrollTop
        }} />
    </div>
  )
}
