/** Queries of lists. */
import type { Route } from '../lib/router'
import { PAGE_SIZES } from '../ui/lists'

const DEFAULT_SIZE = 20

/** A query without its empty values. */
export function query(values: Readonly<Record<string, string | number>>): string {
  const kept = Object.entries(values).filter(([, value]) => value !== '').map(([key, value]) => [key, String(value)])
  return new URLSearchParams(kept).toString()
}

/** The rows of a page that the route asks for; what the menu does not offer counts as none. */
export function sizeOf(route: Route): number {
  const asked = Number(route.query['pageSize'])
  return PAGE_SIZES.find((size) => size === asked) ?? DEFAULT_SIZE
}
