/** Lines of a text. Pure. */

/** Where line `number` begins (1 is the first); the end of the text for one that is not there. */
export function lineStart(text: string, number: number): number {
  let at = 0
  for (let line = 1; line < number; line += 1) {
    const end = text.indexOf('\n', at)
    if (end < 0) return text.length
    at = end + 1
  }
  return at
}

/** The messages by line; those of other files and of no line have no mark. */
export function marksOf(
  problems: readonly { readonly line: number; readonly message: string; readonly file?: string }[],
): ReadonlyMap<number, string> {
  const marks = new Map<number, string>()
  for (const { line, message, file } of problems) {
    if (line > 0 && !file) marks.set(line, marks.has(line) ? `${marks.get(line) ?? ''}\n${message}` : message)
  }
  return marks
}
