/** The configuration file of a frpc: edit, see what is wrong and what a reload changes, save, reload, stop. */
import { useEffect, useState } from 'preact/hooks'
import { asApiError, json, text } from '../lib/api'
import { useResource } from '../lib/resource'
import { Editor } from '../editor/editor'
import { t } from '../text'
import { Ask } from '../ui/dialog'
import { Card, PageHead, Pending } from '../ui/parts'
import { errorText, say } from '../ui/toast'
import { Changes, Problems } from './outcome'
import type { Check } from './types'

const PAUSE_MS = 500

export function ConfigPage() {
  const file = useResource(text, 'config')
  const [draft, setDraft] = useState<string | null>(null)
  const [failure, setFailure] = useState('')
  const [line, setLine] = useState(0)
  const saved = file.data
  const content = draft ?? saved ?? ''
  const dirty = draft !== null && draft !== saved
  const check = useCheck(saved === undefined ? null : content)
  useLeaveGuard(dirty)
  if (saved === undefined) return <div class="page"><PageHead title={t('config')} /><Pending of={file} /></div>
  const problems = check?.problems ?? []
  const act = async () => {
    setFailure('')
    try {
      if (dirty) await text('config', { method: 'PUT', body: content })
      await text('reload?strictConfig=true') // as at the start, and as the check above
      say(t('reloaded'))
    } catch (error) {
      setFailure(errorText(error))
    }
    file.reload()
  }
  return (
    <div class="page">
      <PageHead title={t('config')} note={dirty ? t('notSaved') : t('configNote')}>
        <button type="button" class="button" disabled={!dirty} onClick={() => setDraft(null)}>{t('revert')}</button>
        <Reload dirty={dirty} problems={problems.length} act={act} />
        <Ask label={t('stop')} danger title={t('stopTitle')} text={t('stopText')} act={async () => {
          await json('stop', { method: 'POST' })
          say(t('stopping'))
        }} />
      </PageHead>
      {failure && <div class="notice bad" role="alert">{failure}</div>}
      <section class="card"><Editor value={content} problems={problems} onChange={setDraft} line={line} /></section>
      {check && problems.length > 0 && <Card title={t('problems', { n: problems.length })}>
        <Problems problems={problems} onPick={setLine} />
      </Card>}
      {check && problems.length === 0 && <Card title={t('reloadWill')}><Changes check={check} /></Card>}
    </div>
  )
}

interface ReloadProps {
  readonly dirty: boolean
  readonly problems: number
  readonly act: () => Promise<void>
}

function Reload({ dirty, problems, act }: ReloadProps) {
  const label = t(dirty ? 'saveReload' : 'reload')
  if (problems > 0) {
    return <Ask label={label} title={t('saveAnyway')} text={t('saveAnywayText', { n: problems })} act={act} />
  }
  return <button type="button" class="button primary" onClick={() => void act()}>{label}</button>
}

/** What the program says about a text in place of its file; `null` while nothing is known, and with an older frpc. */
function useCheck(content: string | null): Check | null {
  const [check, setCheck] = useState<Check | null>(null)
  const [missing, setMissing] = useState(false)
  useEffect(() => {
    if (content === null || missing) return
    const controller = new AbortController()
    const timer = setTimeout(() => {
      json<Check>('config/check', { method: 'POST', body: content, signal: controller.signal }).then(setCheck,
        (error: unknown) => {
          if (!controller.signal.aborted) setMissing(asApiError(error).missing)
        })
    }, PAUSE_MS)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [content, missing])
  return check
}

function useLeaveGuard(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return
    const guard = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', guard)
    return () => window.removeEventListener('beforeunload', guard)
  }, [dirty])
}
