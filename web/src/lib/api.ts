/** Requests to the API of the program that served this page. */

/** An answer that is not a success; `fields` are messages by the key of a form's field. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(message)
  }

  /** An older program has no such path. */
  get missing(): boolean {
    return this.status === 404
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Options {
  readonly method?: Method
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** The address of `path` below `/api/`. */
export const urlOf = (path: string): string => new URL(`../api/${path}`, document.baseURI).href

/** The text of an answer. Throws ApiError, also with status 0 when the program does not answer. */
export async function text(path: string, { method = 'GET', body, signal }: Options = {}): Promise<string> {
  const headers: Record<string, string> = { 'X-Requested-With': 'aiofrp' }
  const init: RequestInit = { method, headers, cache: 'no-store', credentials: 'same-origin' }
  if (signal) init.signal = signal
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  let answer: Response
  try {
    answer = await fetch(urlOf(path), init)
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError(0, '')
  }
  const content = await answer.text()
  if (!answer.ok) throw refusal(answer.status, content)
  return content
}

/** The JSON of an answer, `undefined` for an empty one. */
export async function json<T>(path: string, options?: Options): Promise<T> {
  const content = await text(path, options)
  return (content ? JSON.parse(content) : undefined) as T
}

/** The data inside frps's envelope. */
export async function v2<T>(path: string, options?: Options): Promise<T> {
  return (await json<{ data: T }>(`v2/${path}`, options)).data
}

interface Refusal {
  readonly Msg?: string
  readonly msg?: string
  readonly fields?: Record<string, string>
}

function refusal(status: number, content: string): ApiError {
  try {
    const said = JSON.parse(content) as Refusal | null
    return new ApiError(status, said?.Msg ?? said?.msg ?? content.trim(), said?.fields)
  } catch {
    return new ApiError(status, content.trim())
  }
}

export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(-1, String(error))
