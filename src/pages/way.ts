/** Where a visitor goes next: never away from this server. */

/** Pages that one may be led to after another. */
const PAGES = ['/', '/authorize', '/panel', '/developers', '/account', '/reference', '/errors', '/guides']

/**
 * A path of a page of ours.
 *
 * @param asked any text, e.g. of a query.
 * @returns the path with its query, or `fallback` for everything that leads elsewhere.
 */
export function wayOf(asked: unknown, fallback: string): string {
  const here = 'http://here.invalid'
  if (typeof asked !== 'string' || !asked.startsWith('/') || !URL.canParse(asked, here)) return fallback
  const url = new URL(asked, here)
  const isPage = PAGES.some((page) => url.pathname === page || (page !== '/' && url.pathname.startsWith(`${page}/`)))
  // Parsed and written anew: what a browser might read in another way (//, \, tabs) is gone.
  return url.origin === here && isPage ? `${url.pathname}${url.search}` : fallback
}
