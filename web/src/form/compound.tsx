/** Fields that hold other fields: tables, variants by type, rows, and texts by name. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { t } from '../text'
import { Description, Field, FieldError, type FieldProps, titleOf } from './field'
import { compact, kindOf, listOf, type Path, type Schema, tableOf, textOf, variantsOf, type Value } from './schema'

interface SectionProps {
  readonly schema: Schema
  readonly path: Path
  readonly filled: boolean
  readonly children: ComponentChildren
}

/** A section that is closed while nothing in it is set. */
function Section({ schema, path, filled, children }: SectionProps) {
  const [initially] = useState(filled)
  return (
    <details class="section" open={initially}>
      <summary>
        <span>{titleOf(schema, path)}</span>
        {filled && <span class="badge accent">{t('isSet')}</span>}
      </summary>
      <div class="section-body">
        <Description text={schema.description} />
        <FieldError path={path} />
        {children}
      </div>
    </details>
  )
}

export function TableField(props: FieldProps) {
  const { schema, path, value } = props
  return (
    <Section schema={schema} path={path} filled={compact(value) !== undefined}>
      <Properties {...props} />
    </Section>
  )
}

/** The fields of a table, without a frame. */
export function Properties({ schema, path, value, onChange }: FieldProps) {
  const table = tableOf(value)
  const fields = Object.entries(schema.properties ?? {}).filter(([, property]) => kindOf(property) !== 'const')
  if (!fields.length) return <p class="muted">{t('noOptions')}</p>
  return (
    <div class="fields">
      {fields.map(([key, property]) => (
        <Field key={key} schema={property} path={[...path, key]} value={table[key]} onChange={onChange}
          required={schema.required?.includes(key) ?? false} />
      ))}
    </div>
  )
}

export function VariantField({ schema, path, value, onChange }: FieldProps) {
  const variants = variantsOf(schema)
  const { type } = tableOf(value)
  const chosen = typeof type === 'string' ? variants.get(type) : undefined
  const title = titleOf(schema, path)
  return (
    <Section schema={schema} path={path} filled={chosen !== undefined}>
      <label class="field">
        <span class="field-label">{t('kindOf', { title })}</span>
        <select class="field-input" name={[...path, 'type'].join('.')} value={chosen ? textOf(type) : ''}
          onChange={({ currentTarget: { value: next } }) => onChange(path, next ? { type: next } : undefined)}>
          <option value="">{t('none')}</option>
          {[...variants.keys()].map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      </label>
      {chosen && (
        <div key={textOf(type)}>
          <Description text={chosen.description} />
          <Properties schema={chosen} path={path} value={value} onChange={onChange} />
        </div>
      )}
    </Section>
  )
}

export function RowsField({ schema, path, value, onChange }: FieldProps) {
  const rows = listOf(value)
  const { items } = schema
  if (!items) return null
  return (
    <Section schema={schema} path={path} filled={rows.length > 0}>
      {rows.map((row, index) => (
        <div key={index} class="row-fields">
          <Properties schema={items} path={[...path, index]} value={row} onChange={onChange} />
          <RemoveButton onClick={() => onChange(path, rows.filter((_row, other) => other !== index))} />
        </div>
      ))}
      <AddButton onClick={() => onChange(path, [...rows, {}])} />
    </Section>
  )
}

type Pairs = readonly (readonly [string, string])[]

const pairsOf = (value: Value): Pairs =>
  Object.entries(tableOf(value)).map(([key, text]) => [key, typeof text === 'string' ? text : ''])

/** Texts by name. The rows are kept here, since a name is empty while it is typed. */
export function MapField({ schema, path, value, onChange }: FieldProps) {
  const [pairs, setPairs] = useState<Pairs>(() => pairsOf(value))
  const change = (next: Pairs) => {
    setPairs(next)
    onChange(path, Object.fromEntries(next.filter(([key]) => key !== '')))
  }
  const put = (index: number, pair: readonly [string, string]) =>
    change(pairs.map((old, other) => (other === index ? pair : old)))
  return (
    <Section schema={schema} path={path} filled={pairs.length > 0}>
      {pairs.map(([key, text], index) => (
        <div key={index} class="pair">
          <input class="field-input" value={key} placeholder={t('name')} aria-label={t('name')}
            onInput={(event) => put(index, [event.currentTarget.value, text])} />
          <input class="field-input" value={text} placeholder={t('value')} aria-label={t('value')}
            onInput={(event) => put(index, [key, event.currentTarget.value])} />
          <RemoveButton onClick={() => change(pairs.filter((_pair, other) => other !== index))} />
        </div>
      ))}
      <AddButton onClick={() => setPairs([...pairs, ['', '']])} />
    </Section>
  )
}

const AddButton = ({ onClick }: { readonly onClick: () => void }) =>
  <button type="button" class="button small" onClick={onClick}>{t('add')}</button>

const RemoveButton = ({ onClick }: { readonly onClick: () => void }) =>
  <button type="button" class="button small plain" onClick={onClick}>{t('remove')}</button>
