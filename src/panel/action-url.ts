/** Where a ring leads to; null for what is no web address: what a sender writes is not trusted. */
export function actionUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url : null
}
