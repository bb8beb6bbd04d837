/** Markup that is safe to send: only `html` makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: markup as it is, text and numbers escaped, nothing for undefined and false. */
export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[];

/**
 * Markup of a template. All that is put in is escaped, unless it comes from `html` itself. An attribute's value has to
 * stand in double quotes: without them escaping would not hold, so that throws.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    if (text.endsWith('=')) throw new Error(`an attribute without quotes: ${text.slice(-40)}`);
    text += escaped(value) + (strings[index + 1] ?? '');
  }
  return new Html(text);
}

function escaped(value: HtmlValue): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(escaped).join('');
  return String(value).replaceAll(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * A name from outside, as text that shows what it is: control characters and those that change the direction of what
 * follows are replaced, and its own direction ends with it.
 */
export function name(text: string): Html {
  return html`<bdi>${visible(text)}</bdi>`;
}

/** The same text for where there is no markup: titles. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
}

/** An address of this server with a query; parameters that are empty are left out. */
export function link(path: string, parameters: Readonly<Record<string, string | undefined>> = {}): string {
  const query = Object.entries(parameters)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent((value ?? '').toWellFormed())}`);
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}
