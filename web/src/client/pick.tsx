/** The choice of a type for a new proxy or visitor. */
import { json } from '../lib/api'
import { useResource } from '../lib/resource'
import { href } from '../lib/router'
import { Description } from '../form/field'
import { t } from '../text'
import { PageHead, Pending } from '../ui/parts'
import { type EntryKind, pluralOf, type Schemas } from './types'

export function Pick({ kind }: { readonly kind: EntryKind }) {
  const schemas = useResource(json<Schemas>, 'schema')
  const types = schemas.data?.[pluralOf(kind)]
  const list = kind === 'proxy' ? [] : ['visitors']
  return (
    <div class="page">
      <PageHead title={t(kind === 'proxy' ? 'newProxy' : 'newVisitor')} note={t('pickType')}
        crumbs={<><a href={href(list)}>{t(pluralOf(kind))}</a> /</>} />
      {types
        ? <div class="pick">
            {Object.entries(types).map(([type, schema]) => (
              <a key={type} class="card" href={href(['new', kind, type])}>
                <strong>{type}</strong><Description text={schema.description} />
              </a>
            ))}
          </div>
        : <Pending of={schemas} />}
    </div>
  )
}
