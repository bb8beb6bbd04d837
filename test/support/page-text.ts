/** What stands on a page, without its markup. */
export function textOf(html: string): string {
  const text = html
    .replaceAll(/<(?:script|style|svg|head)\b.*?<\/(?:script|style|svg|head)>/gs, ' ')
    .replaceAll(/<\/?(?:b|bdi|a|em|strong|code|span)\b[^>]*>/g, '')
    .replaceAll(/<[^>]*>/g, ' ');
  return unescaped(text).replaceAll(/\s+/g, ' ').trim();
}

/** The rows of all its tables, as the texts of their cells. */
export function rowsIn(html: string): string[][] {
  return [...html.matchAll(/<tr[^>]*>(.*?)<\/tr>/gs)].map(([, row = '']) =>
    [...row.matchAll(/<(?:th|td)[^>]*>(.*?)<\/(?:th|td)>/gs)].map(([, cell = '']) => textOf(cell)),
  );
}

/** Where its links lead. */
export function linksIn(html: string): string[] {
  return [...html.matchAll(/<a\s[^>]*?href="([^"]*)"/g)].map(([, link = '']) => unescaped(link));
}

function unescaped(text: string): string {
  return text
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&amp;', '&');
}
