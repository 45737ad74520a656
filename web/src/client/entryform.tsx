/** The form of a proxy or visitor of the store, made from its schema; the program itself checks what is entered. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { asApiError, json } from '../lib/api'
import { prefs } from '../lib/prefs'
import { useResource } from '../lib/resource'
import { href } from '../lib/router'
import { ErrorsContext, Field } from '../form/field'
import { compact, dotted, groupsOf, hasField, isPlain, type Path, type Schema, setIn, type Table, tableOf, textOf, type Value } from '../form/schema'
import { t } from '../text'
import { Card, PageHead, Pending } from '../ui/parts'
import { errorText, say } from '../ui/toast'
import { blockOf, type Definition, type EntryKind, pluralOf, type Schemas } from './types'

const PAUSE_MS = 400

/** Titles and descriptions come in the language of the pages, where the program has them. */
const useSchemas = () => useResource(json<Schemas>, prefs.lang === 'en' ? 'schema' : `schema?lang=${prefs.lang}`)

export function NewEntry({ kind, type }: { readonly kind: EntryKind; readonly type: string }) {
  const schemas = useSchemas()
  const schema = schemas.data?.[pluralOf(kind)][type]
  return (
    <div class="page">
      <PageHead title={`${t(kind === 'proxy' ? 'newProxy' : 'newVisitor')}: ${type}`}
        crumbs={<><a href={href(['new', kind])}>{t('types')}</a> /</>} />
      {schema ? <EntryForm kind={kind} type={type} schema={schema} initial={{}} /> : <Pending of={schemas} />}
    </div>
  )
}

export function EditEntry({ kind, name }: { readonly kind: EntryKind; readonly name: string }) {
  const schemas = useSchemas()
  const stored = useResource(json<Definition>, `store/${pluralOf(kind)}/${encodeURIComponent(name)}`)
  const schema = stored.data && schemas.data?.[pluralOf(kind)][stored.data.type]
  return (
    <div class="page">
      <PageHead title={name} crumbs={<><a href={href([kind, name])}>{name}</a> /</>} note={t('edit')} />
      {stored.data && schema
        ? <EntryForm kind={kind} type={stored.data.type} schema={schema} name={name} initial={blockOf(stored.data)} />
        : <Pending of={stored} />}
    </div>
  )
}

interface FormProps {
  readonly kind: EntryKind
  readonly type: string
  readonly schema: Schema
  /** The name of the entry that is changed. */
  readonly name?: string
  readonly initial: Table
}

interface Verdict {
  readonly fields: Readonly<Record<string, string>>
  readonly message: string
}

const GOOD: Verdict = { fields: {}, message: '' }

function EntryForm({ kind, type, schema, name, initial }: FormProps) {
  const [values, setValues] = useState<Table>(name === undefined ? initial : { ...initial, name })
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set())
  const [submitted, setSubmitted] = useState(false)
  const [busy, setBusy] = useState(false)
  const target = `store/${pluralOf(kind)}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
  const body = useMemo(() => bodyOf(type, values), [type, values])
  const [verdict, setVerdict] = useVerdict(target, name === undefined ? 'POST' : 'PUT', body, touched.size > 0)
  const change = (path: Path, value: Value) => {
    setValues((old) => tableOf(setIn(old, path, value)))
    setTouched((old) => new Set(old).add(dotted(path)))
  }
  const fields = Object.fromEntries(
    Object.entries(verdict.fields).filter(([path]) => submitted || touched.has(path)))
  const elsewhere = Object.entries(verdict.fields).filter(([path]) => !hasField(schema, path)).map(([, text]) => text)
  const general = Object.keys(verdict.fields).length ? elsewhere.join('; ') : verdict.message
  const submit = (event: Event) => {
    event.preventDefault()
    setSubmitted(true)
    setBusy(true)
    save(target, name === undefined ? 'POST' : 'PUT', body).then(
      () => {
        say(t('saved', { name: textOf(values['name']) }))
        location.hash = href([kind, textOf(values['name'])])
      },
      (error: unknown) => {
        setBusy(false)
        setVerdict(verdictOf(error))
      },
    )
  }
  return (
    <ErrorsContext.Provider value={fields}>
      <form class="form" onSubmit={submit} noValidate>
        <Groups schema={schema} values={values} change={change} fixedName={name !== undefined} />
        {submitted && general && <div class="notice bad" role="alert">{general}</div>}
        <div class="form-foot">
          <button type="submit" class="button primary" disabled={busy}>{t(name === undefined ? 'create' : 'save')}</button>
          <a class="button" href={href(name === undefined ? ['new', kind] : [kind, name])}>{t('cancel')}</a>
          {submitted && Object.keys(fields).length > 0 && <span class="field-error" role="status">{t('seeFields')}</span>}
        </div>
      </form>
    </ErrorsContext.Provider>
  )
}

function bodyOf(type: string, values: Table): Definition {
  const block = tableOf(compact(values))
  return { name: typeof values['name'] === 'string' ? values['name'] : '', type, [type]: { ...block, type } }
}

/** Saves when the program's check finds nothing; the check names the fields, which a refusal to save does not. */
async function save(target: string, method: 'POST' | 'PUT', body: Definition): Promise<void> {
  await json(`${target}?check=1`, { method, body })
  await json(target, { method, body })
}

function verdictOf(error: unknown): Verdict {
  const { fields } = asApiError(error)
  return { fields, message: errorText(error) }
}

/** What the program says about `body`, asked when the typing pauses. */
function useVerdict(target: string, method: 'POST' | 'PUT', body: Definition, asked: boolean) {
  const [verdict, setVerdict] = useState<Verdict>(GOOD)
  const latest = useRef(body)
  latest.current = body
  useEffect(() => {
    if (!asked) return
    const timer = setTimeout(() => {
      json(`${target}?check=1`, { method, body }).then(() => GOOD, verdictOf).then((found) => {
        if (latest.current === body) setVerdict(found)
      }, () => undefined)
    }, PAUSE_MS)
    return () => clearTimeout(timer)
  }, [target, method, body, asked])
  return [verdict, setVerdict] as const
}

interface GroupsProps {
  readonly schema: Schema
  readonly values: Table
  readonly change: (path: Path, value: Value) => void
  readonly fixedName: boolean
}

/** A card for the plain fields of each group, and one for all that has sections of its own. */
function Groups({ schema, values, change, fixedName }: GroupsProps) {
  const groups = groupsOf(schema)
  const property = (key: string): Schema => {
    const found = schema.properties?.[key] ?? {}
    return key === 'enabled' ? { default: true, ...found } : found // unset means on
  }
  const field = (key: string) => (
    <Field key={key} schema={property(key)} path={[key]} value={values[key]} onChange={change}
      required={schema.required?.includes(key) ?? key === 'name'} />
  )
  const plain = (keys: readonly string[]) =>
    keys.filter((key) => isPlain(property(key)) && !(fixedName && key === 'name'))
  const sections = groups.flatMap(({ keys }) => keys.filter((key) => !isPlain(property(key))))
  return (
    <>
      {groups.filter(({ keys }) => plain(keys).length).map(({ name, keys }) => (
        <Card key={name} title={name}><div class="fields">{plain(keys).map(field)}</div></Card>
      ))}
      {sections.length > 0 && <Card title={t('more')}>{sections.map(field)}</Card>}
    </>
  )
}
