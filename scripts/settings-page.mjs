// Writes every setting into docs/settings.md, a table for each file in src/config/ that has some; and those that the
// README names in its marks into its table.
//
//   node scripts/run.mjs --build scripts/settings-page.mjs [--check]
//
// --check changes nothing, and fails when a page is not what it would write.
import { readdirSync } from 'node:fs';
import { partNames, writeParts } from './generated-parts.mjs';

// What was built: the sources need a Node that strips types.
const built = new URL('../dist/config/', import.meta.url);

/** What a file exports by the name that ends in Settings. */
async function settingsOf(file) {
  const exported = Object.entries(await import(new URL(file, built).href));
  return exported.find(([name]) => name.endsWith('Settings'))[1];
}

function table(settings) {
  const rows = Object.entries(settings).map(
    ([name, { desc, unit, usually }]) => `| \`${name}\` | ${usually} | ${unit} | ${desc} |`,
  );
  return ['| setting | default | unit or words | |', '| - | - | - | - |', ...rows].join('\n');
}

function picked(settings, part) {
  return Object.fromEntries(
    part
      .replace('settings ', '')
      .split(' ')
      .map((name) => {
        if (settings[name] === undefined) throw new Error(`README.md: there is no setting ${name}`);
        return [name, settings[name]];
      }),
  );
}

const files = readdirSync(built).filter((name) => name.endsWith('-settings.js'));
const byFile = new Map(
  await Promise.all(
    files.map(async (file) => [`src/config/${file.replace('.js', '.ts')}`, await settingsOf(file)]),
  ),
);
const all = Object.assign({}, ...byFile.values());
await writeParts('docs/settings.md', new Map([...byFile].map(([file, settings]) => [file, table(settings)])));
const readmeParts = partNames('README.md').filter((name) => name.startsWith('settings '));
await writeParts('README.md', new Map(readmeParts.map((name) => [name, table(picked(all, name))])));
