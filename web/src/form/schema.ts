/** JSON Schema as forms read it, and the values that it describes. Pure; it knows no type of proxy and no plugin. */

export interface Schema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: boolean | Schema
  readonly enum?: readonly (string | number)[]
  readonly const?: string
  readonly default?: unknown
  readonly oneOf?: readonly Schema[]
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly 'x-group'?: string
}

export type Value = string | number | boolean | null | undefined | readonly Value[] | { readonly [key: string]: Value }
export type Table = Readonly<Record<string, Value>>
export type Path = readonly (string | number)[]

/** How a value is edited. `json` is for what a form has no better field for. */
export type Kind =
  | 'const' | 'choice' | 'flag' | 'number' | 'secret' | 'text'
  | 'table' | 'variant' | 'texts' | 'rows' | 'map' | 'json'

export function kindOf(schema: Schema): Kind {
  if (schema.const !== undefined) return 'const'
  if (schema.enum) return 'choice'
  if (schema.oneOf) return 'variant'
  switch (schema.type) {
    case 'boolean':
      return 'flag'
    case 'integer':
    case 'number':
      return 'number'
    case 'string':
      return schema.format === 'password' ? 'secret' : 'text'
    case 'array':
      if (schema.items?.type === 'string') return 'texts'
      return schema.items?.properties ? 'rows' : 'json'
    case 'object':
      if (schema.properties) return 'table'
      return isTexts(schema.additionalProperties) ? 'map' : 'json'
    default:
      return 'json'
  }
}

const isTexts = (schema: boolean | Schema | undefined): boolean =>
  typeof schema === 'object' && schema.type === 'string'

/** Whether a field stands alone in a line, and not with others inside a section of its own. */
export const isPlain = (schema: Schema): boolean => !['table', 'variant', 'rows', 'map', 'json'].includes(kindOf(schema))

/** The variants of a `oneOf` by the value of their `type`. */
export function variantsOf(schema: Schema): ReadonlyMap<string, Schema> {
  const found = (schema.oneOf ?? []).map((one) => [one.properties?.['type']?.const, one] as const)
  return new Map(found.filter((pair): pair is readonly [string, Schema] => pair[0] !== undefined))
}

export interface Group {
  readonly name: string
  readonly keys: readonly string[]
}

/** The keys of the properties by group, both in the order of the schema; constants are no fields. */
export function groupsOf(schema: Schema): readonly Group[] {
  const groups = new Map<string, string[]>()
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (kindOf(property) === 'const') continue
    const name = property['x-group'] ?? ''
    groups.set(name, [...(groups.get(name) ?? []), key])
  }
  return [...groups].map(([name, keys]) => ({ name, keys }))
}

export const isTable = (value: Value): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const tableOf = (value: Value): Table => (isTable(value) ? value : {})
export const listOf = (value: Value): readonly Value[] => (Array.isArray(value) ? (value as readonly Value[]) : [])

/** A value in a field of text: empty for none, JSON for what has parts. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  return JSON.stringify(value)
}

/** `value` with another one at `path`. */
export function setIn(value: Value, path: Path, next: Value): Value {
  const [first, ...rest] = path
  if (first === undefined) return next
  if (typeof first === 'number') {
    const list = [...listOf(value)]
    list[first] = setIn(list[first], rest, next)
    return list
  }
  const table = tableOf(value)
  return { ...table, [first]: setIn(table[first], rest, next) }
}

/** `value` without what is empty: texts, lists, tables and numbers that were not given. `undefined` when nothing is left. */
export function compact(value: Value): Value {
  if (value === undefined || value === null || value === '') return undefined
  if (Array.isArray(value)) {
    const list = (value as readonly Value[]).map(compact).filter((item) => item !== undefined)
    return list.length ? list : undefined
  }
  if (isTable(value)) {
    const kept = Object.entries(value).map(([key, item]) => [key, compact(item)] as const)
      .filter(([, item]) => item !== undefined)
    return kept.length ? Object.fromEntries(kept) : undefined
  }
  return value
}

/** A path as the program writes it: `healthCheck.httpHeaders[0].name`. */
export const dotted = (path: Path): string =>
  path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text ? `${text}.${part}` : part), '')

/** Whether there is a field of `schema` at the path that the program named, so that a message can stand at it. */
export function hasField(schema: Schema, path: string): boolean {
  const [first, ...rest] = path.split(/[.[]/).map((part) => part.replace(/\]$/, ''))
  let found: Schema | undefined = first === undefined ? undefined : schema.properties?.[first]
  for (const part of rest) {
    if (!found) return false
    const kind = kindOf(found)
    if (kind === 'map' || kind === 'texts') return true
    if (kind === 'rows') found = found.items
    else if (kind === 'variant') found = [...variantsOf(found).values()].map((one) => one.properties?.[part]).find(Boolean)
    else found = found.properties?.[part]
  }
  return found !== undefined
}
