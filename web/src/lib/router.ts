/** Hash routes: `#/proxies/tcp?page=2`, as the reference's pages have them. */
import { useCallback, useEffect, useState } from 'preact/hooks'

export interface Route {
  readonly path: readonly string[]
  readonly query: Readonly<Record<string, string>>
}

export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2)
  return {
    path: path.split('/').filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(query)),
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The address of a route; empty values of the query are left out. */
export function href(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const kept = Object.entries(query).filter(([, value]) => value !== '')
  const tail = kept.length ? `?${new URLSearchParams(kept).toString()}` : ''
  return `#/${path.map(encodeURIComponent).join('/')}${tail}`
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = () => setHash(location.hash)
    window.addEventListener('hashchange', changed)
    return () => window.removeEventListener('hashchange', changed)
  }, [])
  return parse(hash)
}

/** Replaces values in the query of the route; the history keeps one entry for it. */
export function useQuery(route: Route): (changes: Readonly<Record<string, string>>) => void {
  const { path, query } = route
  const key = JSON.stringify([path, query])
  return useCallback(
    (changes) => {
      const [oldPath, oldQuery] = JSON.parse(key) as [string[], Record<string, string>]
      location.replace(href(oldPath, { ...oldQuery, ...changes }))
    },
    [key],
  )
}
