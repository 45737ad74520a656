/** Dialogs: a question before something is done, with a reason where the program keeps one; a QR code. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../text'
import { sayError } from './toast'

interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} aria-label={title} onClose={onClose} onClick={(event) => {
      if (event.target === dialog.current) dialog.current?.close() // the surroundings of the dialog
    }}>
      <h2>{title}</h2>
      {children}
    </dialog>
  )
}

interface AskProps {
  readonly label: string
  readonly title: string
  readonly text: string
  readonly danger?: boolean
  readonly small?: boolean
  /** Whether the program keeps a reason with the action. */
  readonly reason?: boolean
  readonly disabled?: boolean
  readonly act: (reason: string) => Promise<unknown>
}

/** A button that asks first. The dialog closes when `act` is done, and stays with a message when it fails. */
export function Ask(props: AskProps) {
  const [open, setOpen] = useState(false)
  const look = `button${props.danger ? ' danger' : ''}${props.small ? ' small' : ''}`
  return (
    <>
      <button type="button" class={look} disabled={props.disabled} onClick={() => setOpen(true)}>{props.label}</button>
      {open && <Question {...props} onClose={() => setOpen(false)} />}
    </>
  )
}

function Question({ label, title, text, danger, reason, act, onClose }: AskProps & { readonly onClose: () => void }) {
  const [why, setWhy] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = (event: Event) => {
    event.preventDefault()
    setBusy(true)
    act(why).then(onClose, (error: unknown) => {
      sayError(error)
      setBusy(false)
    })
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <p class="muted">{text}</p>
        {reason && (
          <label>
            <span class="label">{t('reason')}</span>
            <input class="field-input" value={why} maxLength={200} onInput={(event) => setWhy(event.currentTarget.value)} />
          </label>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>{t('cancel')}</button>
          <button type="submit" class={danger ? 'button danger' : 'button primary'} disabled={busy}>{label}</button>
        </div>
      </form>
    </Dialog>
  )
}
