/** Short messages about what an action did; screen readers say them. */
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../lib/api'
import { t } from '../text'

interface Message {
  readonly id: number
  readonly text: string
  readonly bad: boolean
}

const SHOWN_MS = 6000
let nextId = 0
let show: ((message: Message) => void) | undefined

export const say = (text: string): void => show?.({ id: nextId++, text, bad: false })

/** Say what went wrong, in the program's own words where it gave some. */
export function sayError(error: unknown): void {
  show?.({ id: nextId++, text: errorText(error), bad: true })
}

export function errorText(error: unknown): string {
  const failure = asApiError(error)
  return failure.status === 0 ? t('noAnswer') : failure.message || t('statusCode', { code: failure.status })
}

export function Toasts() {
  const [messages, setMessages] = useState<readonly Message[]>([])
  useEffect(() => {
    show = (message) => {
      setMessages((old) => [...old.slice(-3), message])
      setTimeout(() => setMessages((old) => old.filter(({ id }) => id !== message.id)), SHOWN_MS)
    }
    return () => {
      show = undefined
    }
  }, [])
  return (
    <div class="toasts" role="status" aria-live="polite">
      {messages.map(({ id, text, bad }) => (
        <div key={id} class={bad ? 'toast bad' : 'toast'}>{text}</div>
      ))}
    </div>
  )
}
