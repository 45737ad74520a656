/** An error of the program, and under it the cause and the next step where it knows them. */
import { Prose } from '../ui/parts'

interface Props {
  readonly error: string
  readonly hint: string | undefined
}

export function Fault({ error, hint }: Props) {
  if (!error) return null
  return (
    <span class="fault">
      <span class="field-error">{error}</span>
      {hint && <span class="fault-hint"><Prose text={textOf(hint)} /></span>}
    </span>
  )
}

/** The program begins such a line with `hint:` and a small letter, as on a terminal. */
const textOf = (hint: string): string => hint.replace(/^hint: (frp|.)/, (_all, first: string) => first === "frp" ? first : first.toUpperCase())
