/** What this frpc is, to all pages of it. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Resource } from '../lib/resource'
import type { Info } from './types'

export const InfoContext = createContext<Resource<Info> | null>(null)

/** Its facts; `undefined` until they are there, and with an older frpc. */
export const useInfo = (): Info | undefined => useContext(InfoContext)?.data
