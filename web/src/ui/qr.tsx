/** The QR code of an address, drawn when it is asked for. */
import { useEffect, useState } from 'preact/hooks'
import { t } from '../text'
import { Dialog } from './dialog'
import { Icon } from './icons'
import { Copyable } from './parts'

const QUIET = 4 // modules around the code, as ISO 18004 wants

export function QrButton({ text }: { readonly text: string }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <button type="button" class="button plain icon small" title={t('qr')} aria-label={t('qrOf', { text })}
        onClick={() => setOpen(true)}><Icon name="qr" size={15} /></button>
      {open && <Dialog title={t('qr')} onClose={() => setOpen(false)}><Qr text={text} /><Copyable text={text} /></Dialog>}
    </>
  )
}

function Qr({ text }: { readonly text: string }) {
  const [modules, setModules] = useState<boolean[][]>([])
  useEffect(() => {
    void import('uqr').then(({ encode }) => setModules(encode(text, { border: 0 }).data))
  }, [text])
  const size = modules.length + 2 * QUIET
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t('qrOf', { text })}>
      <path d={pathOf(modules)} shape-rendering="crispEdges" fill="#000" />
    </svg>
  )
}

function pathOf(modules: readonly (readonly boolean[])[]): string {
  return modules.flatMap((row, y) =>
    row.flatMap((dark, x) => (dark ? [`M${x + QUIET} ${y + QUIET}h1v1h-1z`] : []))).join('')
}
