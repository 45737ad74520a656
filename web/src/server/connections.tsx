/** The connections through one proxy now. */
import { useState } from 'preact/hooks'
import { ApiError, v2 } from '../lib/api'
import { bytes, rate } from '../lib/format'
import { useResource } from '../lib/resource'
import { t } from '../text'
import { Pager } from '../ui/lists'
import { Card, Empty, Pending, Time } from '../ui/parts'
import { say, sayError } from '../ui/toast'
import type { Connection, Page } from './types'

const EVENTS = ['sample', 'proxy'] as const

export function Connections({ path }: { readonly path: string }) {
  const [{ page, pageSize }, setPage] = useState({ page: '1', pageSize: '20' })
  const list = useResource(v2<Page<Connection>>, `${path}/connections?page=${page}&pageSize=${pageSize}`, EVENTS)
  const close = (id: Connection['id']) => {
    v2(`${path}/connections/${encodeURIComponent(id)}`, { method: 'DELETE' })
      .catch((error: unknown) => {
        if (!(error instanceof ApiError && error.missing)) throw error // it has ended meanwhile
      })
      .then(() => {
        say(t('connectionClosed'))
        list.reload()
      }, sayError)
  }
  return (
    <Card title={t('connections')} flush>
      {!list.data ? <Pending of={list} /> : list.data.items.length === 0
        ? <Empty title={t('noConnections')} />
        : <><Rows connections={list.data.items} close={close} /><Pager {...list.data} onChange={setPage} /></>}
    </Card>
  )
}

interface RowsProps {
  readonly connections: readonly Connection[]
  readonly close: (id: Connection['id']) => void
}

function Rows({ connections, close }: RowsProps) {
  return (
    <table class="rows">
      <thead>
        <tr>
          <th>{t('userAddress')}</th><th>{t('since')}</th><th class="end">{t('in')}</th><th class="end">{t('out')}</th>
          <th><span class="hidden-text">{t('actions')}</span></th>
        </tr>
      </thead>
      <tbody>
        {connections.map(({ id, userAddr, startAt, bytesIn, bytesOut, rateIn, rateOut }) => (
          <tr key={id}>
            <td class="lead"><span class="mono">{userAddr}</span></td>
            <td data-label={t('since')} class="tight"><Time at={startAt} /></td>
            <td data-label={t('in')} class="end tight num">
              <span>{bytes(bytesIn)} <span class="sub">{rate(rateIn)}</span></span>
            </td>
            <td data-label={t('out')} class="end tight num">
              <span>{bytes(bytesOut)} <span class="sub">{rate(rateOut)}</span></span>
            </td>
            <td class="end bare">
              <button type="button" class="button small danger" aria-label={t('closeOf', { address: userAddr })}
                onClick={() => close(id)}>{t('close')}</button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
