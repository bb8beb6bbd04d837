/** How a body is written down: as it is, or compressed. */
export type Encoding = 'identity' | 'zstd';

/** What a Content-Encoding header says; undefined for what is not understood here. */
export function parseContentEncoding(header: string | undefined): Encoding | undefined {
  const text = (header ?? '').trim().toLowerCase();
  if (text === '' || text === 'identity') return 'identity';
  return text === 'zstd' ? 'zstd' : undefined;
}

/** Whether an Accept-Encoding header names zstd, other than to refuse it. `*` does not: who wants it says so. */
export function acceptsZstd(header: string | undefined): boolean {
  return (header ?? '').split(',').some((item) => {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    return coding === 'zstd' && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}
