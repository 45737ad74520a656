/** The state of a proxy or visitor, in frp's words. */
import { Badge, type Tone } from '../ui/parts'
import { filterOf } from './rows'

export function StateBadge({ state }: { readonly state: string }) {
  const kind = filterOf(state)
  const tone: Tone = kind === 'running' ? 'good' : kind === 'error' ? 'bad' : state === 'disabled' ? 'plain' : 'warn'
  return <Badge tone={tone}>{state}</Badge>
}
