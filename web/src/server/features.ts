/** What this frps can do: the paths of its OpenAPI document. An older one has none. */
import { createContext } from 'preact'
import { useContext, useLayoutEffect, useState } from 'preact/hooks'
import { json } from '../lib/api'

export type Feature = 'connections' | 'kick' | 'disable' | 'audit' | 'history' | 'logs'

const PATHS: Readonly<Record<Feature, RegExp>> = {
  connections: /\/proxies\/\{[^}]+\}\/connections$/,
  kick: /\/clients\/\{[^}]+\}\/kick$/,
  disable: /\/proxies\/\{[^}]+\}\/disable$/,
  audit: /\/audit$/,
  history: /\/history$/,
  logs: /\/logs$/,
}

export type Features = ReadonlySet<Feature>

export const FeaturesContext = createContext<Features | null>(null)

/** The features, `null` until they are known. */
export const useFeatures = (): Features | null => useContext(FeaturesContext)

export function featuresIn(paths: readonly string[]): Features {
  const found = Object.entries(PATHS).filter(([, pattern]) => paths.some((path) => pattern.test(path)))
  return new Set(found.map(([feature]) => feature as Feature))
}

export function useLoadedFeatures(): Features | null {
  const [features, setFeatures] = useState<Features | null>(null)
  useLayoutEffect(() => {
    json<{ paths?: Record<string, unknown> }>('v2/openapi.json').then(
      ({ paths }) => setFeatures(featuresIn(Object.keys(paths ?? {}))),
      () => setFeatures(new Set()),
    )
  }, [])
  return features
}
