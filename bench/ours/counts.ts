/** What was counted between two readings of counts by name, without zeros. */
export function grown(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Record<string, number> {
  const entries = Object.entries(after).map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)])
  return Object.fromEntries(entries.filter(([, count]) => count > 0))
}
