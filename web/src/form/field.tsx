/** One field of a form, chosen by its schema. */
import { useContext, useId } from 'preact/hooks'
import { createContext } from 'preact'
import { t } from '../text'
import { Prose } from '../ui/parts'
import { MapField, RowsField, TableField, VariantField } from './compound'
import { dotted, kindOf, listOf, type Path, type Schema, textOf, type Value } from './schema'

export interface FieldProps {
  readonly schema: Schema
  readonly path: Path
  readonly value: Value
  readonly required?: boolean
  readonly onChange: (path: Path, value: Value) => void
}

/** The messages at fields, by their path. */
export const ErrorsContext = createContext<Readonly<Record<string, string>>>({})

export const titleOf = (schema: Schema, path: Path): string => schema.title ?? String(path.at(-1) ?? '')

export function Field(props: FieldProps) {
  switch (kindOf(props.schema)) {
    case 'const':
      return null
    case 'flag':
      return <FlagField {...props} />
    case 'table':
      return <TableField {...props} />
    case 'variant':
      return <VariantField {...props} />
    case 'rows':
      return <RowsField {...props} />
    case 'map':
      return <MapField {...props} />
    default:
      return <Labelled {...props} />
  }
}

/** The description of a field. */
export function Description({ text, id }: { readonly text: string | undefined; readonly id?: string }) {
  if (!text) return null
  return <p class="hint" id={id}><Prose text={text} /></p>
}

export function FieldError({ path, id }: { readonly path: Path; readonly id?: string }) {
  const message = useContext(ErrorsContext)[dotted(path)]
  return message ? <p class="field-error" id={id}>{message}</p> : null
}

function FlagField({ schema, path, value, onChange }: FieldProps) {
  const id = useId()
  const on = typeof value === 'boolean' ? value : schema.default === true
  return (
    <div class="field flag">
      <label class="check">
        <input type="checkbox" checked={on} aria-describedby={id}
          onChange={(event) => onChange(path, event.currentTarget.checked)} />
        {titleOf(schema, path)}
      </label>
      <Description text={schema.description} id={id} />
      <FieldError path={path} />
    </div>
  )
}

function Labelled(props: FieldProps) {
  const { schema, path, required } = props
  const id = useId()
  const message = useContext(ErrorsContext)[dotted(path)]
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {titleOf(schema, path)}{required && <span class="muted" aria-hidden="true"> *</span>}
      </label>
      <Input {...props} id={id} invalid={message !== undefined} />
      <FieldError path={path} id={`${id}-error`} />
      <Description text={schema.description} id={`${id}-hint`} />
    </div>
  )
}

function Input({ schema, path, value, onChange, required, id, invalid }: FieldProps & {
  readonly id: string
  readonly invalid: boolean
}) {
  const common = {
    id,
    class: 'field-input',
    name: dotted(path),
    'aria-required': required,
    'aria-invalid': invalid,
    'aria-describedby': invalid ? `${id}-error ${id}-hint` : `${id}-hint`,
  }
  const usual = textOf(schema.default)
  const typed = {
    autocomplete: 'off',
    spellcheck: false,
    placeholder: usual,
    value: textOf(value),
    onInput: ({ currentTarget: { value: text } }: { readonly currentTarget: HTMLInputElement }) => onChange(path, text),
  }
  switch (kindOf(schema)) {
    case 'choice':
      return <Choice {...{ schema, path, value, onChange, common }} />
    case 'number':
      return (
        <input {...common} type="number" placeholder={usual} min={schema.minimum} max={schema.maximum}
          step={schema.type === 'integer' ? 1 : 'any'} value={typeof value === 'number' ? value : ''}
          onInput={({ currentTarget: { value: text } }) => onChange(path, text === '' ? undefined : Number(text))} />
      )
    case 'texts':
      return (
        <textarea {...common} rows={2} placeholder={t('onePerLine')} value={listOf(value).map(textOf).join('\n')}
          onInput={({ currentTarget: { value: text } }) => onChange(path, text ? text.split('\n') : undefined)} />
      )
    case 'json':
      return <Json {...{ path, value, onChange, common }} />
    case 'secret':
      return <input {...common} {...typed} type="password" autocomplete="new-password" />
    default:
      return <input {...common} {...typed} type="text" />
  }
}

interface PartProps extends Pick<FieldProps, 'path' | 'value' | 'onChange'> {
  readonly common: object
}

function Choice({ schema, path, value, onChange, common }: PartProps & { readonly schema: Schema }) {
  const usual = textOf(schema.default)
  const choices = (schema.enum ?? []).map(String)
  const shown = choices.includes('') || usual ? choices : ['', ...choices]
  return (
    <select {...common} value={value === undefined ? usual : textOf(value)}
      onChange={(event) => onChange(path, event.currentTarget.value)}>
      {shown.map((choice) => <option key={choice} value={choice}>{choice || '–'}</option>)}
    </select>
  )
}

function Json({ path, value, onChange, common }: PartProps) {
  return (
    <textarea {...common} class="field-input mono" rows={4} defaultValue={value === undefined ? '' : JSON.stringify(value, null, 2)}
      onChange={({ currentTarget }) => {
        const { value: text } = currentTarget
        try {
          onChange(path, text.trim() ? (JSON.parse(text) as Value) : undefined)
          currentTarget.setCustomValidity('')
        } catch (error) {
          currentTarget.setCustomValidity(String(error))
          currentTarget.reportValidity()
        }
      }} />
  )
}
