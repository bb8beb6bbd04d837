// What somebody does who has never run a cache, from the clone to the first upgrade, by the commands of the documentation:
// each of them stands on the page that is named beside it.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { appendFile, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fencedBlocks, section } from '../docs/documents.ts';
import { type ShownExpression, shownExpressions } from '../monitoring/dashboard.ts';
import { push } from '../support/acknowledged.ts';
import { certsOwner, ComposeSite } from '../support/compose-site.ts';
import { pairOf, pullOnce, pushOnce, refusal, uploadUnderWay } from '../support/compose-users.ts';
import { docker } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { ask, gradleKey } from '../support/http-cache.ts';
import { oldDirectory } from '../support/old-directory.ts';
import { textOf } from '../support/page-text.ts';
import { shownFingerprint } from '../support/shown-certificate.ts';
import { testWith } from '../support/real-parts.ts';
import { pageFrom } from '../support/status-pages.ts';
import { SteadyPusher } from '../support/steady-pusher.ts';
import { failure, findMissing, randomBlob } from '../support/wire.ts';

// The users' own command makes their pairs with it.
const test = testWith('openssl');

test('a new operator’s path, from the documentation alone', walked, { timeout: 900_000 });

async function walked(t: TestContext): Promise<void> {
  const daemon = await docker();
  if (typeof daemon === 'string') {
    if (process.env['CI'] === 'true') throw new Error(daemon);
    t.skip(daemon);
    return;
  }
  let site: ComposeSite | undefined;
  try {
    site = await ComposeSite.clone();
    if (!(await walk(t, site))) t.diagnostic(await site.logs());
  } finally {
    await site?.remove();
    await daemon.release();
  }
}

/** False when a step has failed: those after it are left out, since each begins where the one before has ended. */
async function walk(t: TestContext, site: ComposeSite): Promise<boolean> {
  let stopped = false;
  const step = async (name: string, steps: (site: ComposeSite, t: TestContext) => Promise<void>) => {
    await t.test(name, async (t) => {
      if (stopped) return t.skip('a step before it failed');
      stopped = true;
      await steps(site, t);
      stopped = false;
    });
  };
  await step('docker compose up: the certificates are made, and nothing is for git', composeUp);
  await step('first push: by the first client’s certificate alone; anybody pulls it', firstPush);
  await step('add a second user: takes effect without a restart', addSecondUser);
  await step('revoke the first: its next call is refused, and nobody’s call under way', revokeFirst);
  await step('watch the dashboard: every panel has something, and no alert fires', watchDashboard);
  await step('rotate the server’s certificate: new connections see it, a push goes on', rotateCertificate);
  await step('upgrade with pushes running: none fails that is tried again, all is kept', upgrade);
  await step('fill the volume: what was used longest ago goes, and is simply not cached', fillVolume);
  await step(
    'take over the directory of a bst-artifact-server: all of it is there, and what is pushed beside it',
    takeOver,
  );
  return !stopped;
}

const first = async (site: ComposeSite) => await pairOf(site.certs, 'client');
const alice = async (site: ComposeSite) => await pairOf(join(site.folder, 'alice'), 'alice');

async function composeUp(site: ComposeSite): Promise<void> {
  await site.start();
  for (const file of ['server.key', 'client.key', 'server.crt', 'client.crt', 'authorized.crt']) {
    const { mode, uid, gid } = await stat(join(site.certs, file));
    assert.equal((mode & 0o777).toString(8), file.endsWith('.key') ? '600' : '644', file);
    assert.deepEqual({ uid, gid }, certsOwner, file);
  }
  assert.equal(await site.git(site.checkout, 'status', '--porcelain', 'certs'), '');
}

const firstKey = 'project/element/first';

async function firstPush(site: ComposeSite): Promise<void> {
  await pullOnce(site, await pushOnce(site, firstKey, await first(site)));
  const withoutCertificate = await refusal(site);
  assert.equal(withoutCertificate.status, 'UNAUTHENTICATED');
  assert.match(withoutCertificate.message, /needs a client certificate/);
  const onPullPort = await refusal(site, await first(site), 'pull');
  assert.equal(onPullPort.status, 'PERMISSION_DENIED');
  assert.match(onPullPort.message, new RegExp(`port ${site.port('push')} with a client certificate`));
}

async function addSecondUser(site: ComposeSite): Promise<void> {
  const started = async () =>
    await Promise.all(['weir', 'nginx', 'certs'].map((each) => site.inspect(each, '{{.State.StartedAt}}')));
  const before = await started();
  const folder = join(site.folder, 'alice');
  await mkdir(join(folder, 'certs'), { recursive: true });
  await copyFile(join(site.checkout, 'certs/new-client'), join(folder, 'certs/new-client'));
  await site.sh('certs/new-client alice', folder);
  assert.match((await refusal(site, await alice(site))).message, /not authorised/);
  await copyFile(join(folder, 'alice.crt'), join(site.checkout, 'alice.crt'));
  await site.documented(
    'README.md',
    'docker compose exec -T certs node dist/cli/weir.js certs authorize - < alice.crt',
  );
  await eventually(async () => {
    return await pushOnce(site, 'project/element/alice', await alice(site)).then(
      () => true,
      () => false,
    );
  });
  assert.deepEqual(await started(), before);
}

async function revokeFirst(site: ComposeSite, t: TestContext): Promise<void> {
  const [revoked, other] = [await first(site), await alice(site)];
  const uploads = [await uploadUnderWay(t, site, revoked), await uploadUnderWay(t, site, other)];
  await site.documented(
    'docs/certificates.md',
    'docker compose exec certs node dist/cli/weir.js certs revoke alice',
    { alice: 'client' },
  );
  // Until it has taken effect it is not refused, and then there is no refusal to look at.
  await eventually(async () => {
    const said = await refusal(site, revoked).catch(() => undefined);
    return said !== undefined && /not authorised/.test(said.message);
  });
  for (const upload of uploads) await upload.end();
  await pushOnce(site, 'project/element/after', other);
  const list = await site.documented(
    'docs/certificates.md',
    'docker compose exec certs node dist/cli/weir.js certs list',
  );
  assert.match(list, /^ +alice\b/m);
  assert.doesNotMatch(list, /^ +client\b/m);
}

/** A little of everything that clients do. */
async function work(site: ComposeSite): Promise<void> {
  const pair = await alice(site);
  const pushed = await pushOnce(site, 'project/element/work', pair);
  await pullOnce(site, pushed);
  const clients = site.clients('pull');
  await findMissing(clients, [...pushed.files]);
  await failure(clients.references.getReference({ instanceName: '', key: 'project/element/none' }));
  clients.close();
  const body = randomBlob(1000).data;
  const path = `/ac/${gradleKey()}`;
  const ca = await readFile(join(site.certs, 'server.crt'), 'utf8');
  const own = { ca, cert: pair.certificate, key: pair.key };
  const url = `https://localhost:${site.port('push')}${path}`;
  const statuses = [
    (await ask('GET', url, own)).status,
    (await ask('PUT', url, { ...own, body })).status,
    (await ask('GET', url, own)).status,
  ];
  assert.deepEqual(statuses, [404, 200, 200]);
}

/** What shows nothing without a quota, or until room was made. */
const shownWhenFull = new Set(['Eviction age', 'Eviction age over time', 'Quota']);
/** It is there for a minute after a start: that is over soon. */
const notLookedFor = new Set(['Starts']);

async function shown(site: ComposeSite, expression: string): Promise<boolean> {
  return (await site.prometheus.query(expression)).some(({ value }) => Number.isFinite(value));
}

/** Works until Prometheus has something for all of them. */
async function untilShown(site: ComposeSite, expressions: readonly ShownExpression[]): Promise<void> {
  let empty = expressions;
  const deadline = Date.now() + 120_000;
  while (empty.length > 0 && Date.now() < deadline) {
    await work(site);
    await sleep(1000);
    const answers = await Promise.all(empty.map(async ({ expression }) => await shown(site, expression)));
    empty = empty.filter((_, index) => answers[index] !== true);
  }
  assert.deepEqual(empty, []);
}

async function watchDashboard(site: ComposeSite): Promise<void> {
  await site.documented(
    'docs/monitoring.md',
    'docker compose --profile monitoring up',
    site.withoutGrafana === undefined ? {} : { up: 'up --detach prometheus' },
  );
  await eventually(async () => await shown(site, 'up{job="weir"}').catch(() => false));
  const panels = shownExpressions().filter(({ panel }) => !notLookedFor.has(panel));
  await untilShown(
    site,
    panels.filter(({ panel }) => !shownWhenFull.has(panel)),
  );
  await eventually(async () => (await site.prometheus.rules()).every(({ health }) => health === 'ok'));
  const alerts = await site.prometheus.alerts();
  assert.deepEqual(
    alerts.filter(({ state }) => state === 'firing'),
    [],
  );
  await lookAtGrafana(site);
  const page = textOf(await pageFrom(site.opsUrl, '/status'));
  for (const word of ['project/element/work', 'alice', 'Hits and misses'])
    assert.ok(page.includes(word), word);
}

async function lookAtGrafana(site: ComposeSite): Promise<void> {
  if (site.withoutGrafana !== undefined) return;
  const get = async (path: string) => await fetch(`http://127.0.0.1:${site.port('grafana')}/api/${path}`);
  await eventually(async () => (await get('dashboards/uid/weir').catch(() => undefined))?.status === 200);
  const query = encodeURIComponent('up{job="weir"}');
  const proxied = await get(`datasources/proxy/uid/prometheus/api/v1/query?query=${query}`);
  const answer = (await proxied.json()) as { data: { result: { value: [number, string] }[] } };
  assert.equal(answer.data.result[0]?.value[1], '1');
}

async function fillVolume(site: ComposeSite, t: TestContext): Promise<void> {
  // Whoever asked for the first push would use it. The list is looked at without a trace.
  const holdsFirst = async () => {
    const listed = await site.documented('README.md', 'docker compose exec weir node dist/cli/weir.js ls', {
      ' ls': ` ls ${firstKey}`,
    });
    return listed.includes(firstKey);
  };
  assert.ok(await holdsFirst());
  const settings = await readFile(join(site.checkout, 'docs/settings.md'), 'utf8');
  const [override = ''] = fencedBlocks(section(settings, 'docker compose'), 'yaml');
  const shortLease = override.replace(/LEASE_SECONDS: '\d+'/, "LEASE_SECONDS: '1'");
  assert.notEqual(shortLease, override);
  await writeFile(join(site.checkout, 'docker-compose.override.yml'), shortLease);
  await site.settings({ WEIR_QUOTA: '60e6' });
  await site.documented('docs/settings.md', 'docker compose up -d');
  await site.healthy();
  const pusher = site.patientClient('push', await alice(site));
  t.after(() => pusher.close());
  const pushOne = async () => await push(pusher, `project/element/${randomBlob(8).digest.hash}`);
  await eventually(async () => {
    // One may be refused while room is being made.
    for (let count = 0; count < 5; count++) await pushOne().catch(() => undefined);
    return !(await holdsFirst());
  });
  await pullOnce(site, await pushOne());
  const clients = site.clients('pull');
  const asked = clients.references.getReference({ instanceName: '', key: firstKey });
  assert.equal((await failure(asked)).status, 'NOT_FOUND');
  clients.close();
  await untilShown(
    site,
    shownExpressions().filter(({ panel }) => shownWhenFull.has(panel)),
  );
  assert.ok(await shown(site, 'weir_evicted_blobs_total > 0'));
}

async function takeOver(site: ComposeSite): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot
    ? { uid: 2000, gid: 2000 }
    : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const artifacts = join(site.folder, 'artifacts');
  const old = await oldDirectory(artifacts, 'project/element/old');
  await site.sh(`chown -R ${owner.uid}:${owner.gid} ${artifacts}`);
  await site.documented(
    'docs/migrate.md',
    'WEIR_DATA=/srv/artifacts WEIR_UID=2000 WEIR_GID=2000 docker compose up -d',
    {
      '/srv/artifacts': artifacts,
      'UID=2000': `UID=${owner.uid}`,
      'GID=2000': `GID=${owner.gid}`,
    },
  );
  await site.healthy();
  const key = 'project/element/beside-the-old';
  await pullOnce(site, old, await pushOnce(site, key, await alice(site)));
  const { uid, gid } = await stat(join(artifacts, 'cas/refs/heads', key));
  assert.deepEqual({ uid, gid }, owner);
}

async function rotateCertificate(site: ComposeSite, t: TestContext): Promise<void> {
  const page = await readFile(join(site.checkout, 'docs/certificates.md'), 'utf8');
  const [block = ''] = fencedBlocks(section(page, "Change the server's certificate"), 'sh');
  const [make = '', both = '', putInPlace = '', ...more] = block.trim().split('\n');
  assert.deepEqual(more, []);
  const upload = await uploadUnderWay(t, site, await alice(site));
  await site.sh(make);
  await site.sh(both);
  site.trustServer(await readFile(join(site.certs, 'next/server-cert.crt'), 'utf8'));
  await pushOnce(site, 'project/element/before-rotation', await alice(site));
  await site.sh(putInPlace);
  const certificate = await readFile(join(site.certs, 'server.crt'), 'utf8');
  const wanted = new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase();
  for (const listener of ['pull', 'push'] as const)
    await eventually(async () => (await shownFingerprint(site.port(listener))) === wanted);
  await upload.end();
  site.trustServer(certificate);
  await pullOnce(site, await pushOnce(site, 'project/element/after-rotation', await alice(site)));
}

async function upgrade(site: ComposeSite, t: TestContext): Promise<void> {
  const upstream = join(site.folder, 'upstream');
  for (const file of ['Dockerfile', 'nginx/Dockerfile'])
    await appendFile(join(upstream, file), 'LABEL org.opencontainers.image.version=next\n');
  await site.commit('next version');
  const pair = await alice(site);
  const kept = await pushOnce(site, 'project/element/kept', pair);
  const certificate = await shownFingerprint(site.port('pull'));
  const pushers = ['one', 'two'].map(
    (name) => new SteadyPusher(site.patientClient('push', pair), `upgrade/${name}`),
  );
  t.after(async () => await Promise.allSettled(pushers.map((pusher) => pusher.stop())));
  await Promise.all(pushers.map((pusher) => pusher.advanced()));
  await site.documented('docs/upgrades.md', 'git pull && docker compose up --build -d');
  await site.healthy();
  await Promise.all(pushers.map((pusher) => pusher.advanced()));
  const repeated = await Promise.all(pushers.map((pusher) => pusher.stop()));
  const version = '{{index .Config.Labels "org.opencontainers.image.version"}}';
  for (const service of ['weir', 'certs', 'nginx'])
    assert.equal(await site.inspect(service, version), 'next', service);
  assert.equal(await shownFingerprint(site.port('pull')), certificate);
  assert.match((await refusal(site, await first(site))).message, /not authorised/);
  const acknowledged = pushers.flatMap((pusher) => pusher.acknowledged);
  await pullOnce(site, kept, ...acknowledged);
  t.diagnostic(`${acknowledged.length} pushes, 0 failed, ${repeated.join(' + ')} calls made again`);
}
