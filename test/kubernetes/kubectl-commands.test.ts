// The kubectl commands of docs/kubernetes.md do what it says, with a real API server: all but those that wait for pods.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { codeWords, fencedBlocks, page, section } from '../docs/documents.ts';
import { newClient } from '../support/certificates.ts';
import { printed, startCluster } from '../support/cluster.ts';
import { weirCommand } from '../support/command.ts';
import { deploymentOf, ofKind, podOf } from '../support/kubernetes-objects.ts';
import type { KubernetesObject } from '../support/kubernetes-objects.ts';
import { manifests, rendered, renderings } from '../support/kustomize.ts';
import { testWith } from '../support/real-parts.ts';

testWith('kubernetes-tools', 'kube-apiserver')("the page's commands do what it says", async (t) => {
  const { kubectl, shell } = await startCluster(t);
  const folder = mkdtempSync(join(tmpdir(), 'weir-kubectl-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const get = (object: string, path: string) =>
    printed(kubectl(['get', object, '--namespace=weir', `--output=jsonpath={${path}}`]));
  const list = () => get('configmap/weir-clients', String.raw`.data.authorized\.crt`);
  const decoded = (object: string, path: string) => Buffer.from(get(object, path), 'base64').toString();
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const fill = (name: string, text: string) => writeFileSync(join(folder, name), text);

  await t.test('install', async () => {
    cpSync(manifests, join(folder, 'deploy', 'kubernetes'), { recursive: true });
    const overlays = join(folder, 'deploy', 'kubernetes', 'overlays');
    cpSync(join(overlays, 'example'), join(overlays, 'mine'), { recursive: true });
    const init = ['init', '--dir', join(folder, 'certs'), '--name', 'cache.example.com'];
    assert.equal((await weirCommand('certs', ...init)).code, 0);

    const install = commands('Install').find((block) => block.includes('overlays/mine')) ?? '';
    // Nothing makes the pods that it would wait for.
    const steps = lines(install).filter((line) => !line.includes('rollout status'));
    assert.equal(steps.length, 4);
    printed(shell(steps.join('\n'), folder));
    assert.equal(get('secret/weir-server', '.type'), 'kubernetes.io/tls');
    assert.equal(list(), read('certs/authorized.crt'));
    const [image = ''] = get('deployment/weir', '.spec.template.spec.containers[*].image').split(' ');
    assert.match(image, /^registry\.example\.com/);
  });

  const [changeList = '', annotatePods = '', firstTokens = '', changeTokens = ''] = commands('Who may push');

  await t.test('authorise and revoke', async () => {
    const alice = (await newClient(folder, 'alice')).certificatePem;
    const bob = (await newClient(folder, 'bob')).certificatePem;
    fill('authorized.crt', alice + bob);
    printed(shell(changeList, folder));
    assert.equal(list(), alice + bob);
    fill('authorized.crt', bob);
    printed(shell(changeList, folder));
    assert.equal(list(), bob);
    // As long as it may become.
    const many = alice.repeat(Math.floor(1_000_000 / alice.length));
    fill('authorized.crt', many);
    printed(shell(changeList, folder));
    assert.equal(list(), many);
  });

  await t.test("the server's pair", async () => {
    const make = lines(commands('Install').join('')).find((line) => line.includes('secret tls'));
    const text = section(page('docs/kubernetes.md'), "The server's certificate");
    const replace = codeWords(text).find((words) => words.includes('kubectl replace'));
    assert.equal((await weirCommand('certs', 'init', '--dir', join(folder, 'other'))).code, 0);
    cpSync(join(folder, 'other'), join(folder, 'certs'), { recursive: true });
    printed(shell(`${make} ${replace}`, folder));
    assert.equal(decoded('secret/weir-server', String.raw`.data.tls\.crt`), read('certs/server.crt'));

    // As cert-manager leaves it.
    const data = { 'ca.crt': Buffer.from('authority').toString('base64') };
    const patch = `--patch=${JSON.stringify({ data })}`;
    printed(kubectl(['patch', 'secret/weir-server', '--namespace=weir', patch]));
    printed(shell(commands("The server's certificate").join(''), folder));
    assert.equal(read('server-cert.crt'), 'authority');
  });

  await t.test('further keys come and go', () => {
    const keys = () => Object.keys(JSON.parse(get('configmap/weir-clients', '.data'))).sort();
    fill('permissions', '');
    printed(shell(changeList.replace(' --dry-run', ' --from-file=permissions --dry-run'), folder));
    assert.deepEqual(keys(), ['authorized.crt', 'permissions']);
    printed(shell(changeList, folder));
    assert.deepEqual(keys(), ['authorized.crt']);
  });

  await t.test('make the kubelet look', () => {
    printed(kubectl(['create', '--namespace=weir', '--filename=-'], [podOf(deploymentOf(rendered('base')))]));
    printed(shell(annotatePods, folder));
    assert.match(get('pod/weir', String.raw`.metadata.annotations.list-changed`), /^\d+$/);
  });

  await t.test('from two pods to as many as an autoscaler wants', () => {
    const replicas = () => get('deployment/weir', '.spec.replicas');
    const apply = (objects: KubernetesObject[]) =>
      printed(kubectl(['apply', '--namespace=weir', '--filename=-'], objects));
    const { 'all components': scaled = [] } = renderings();
    const only = (objects: KubernetesObject[]) => objects.filter(({ kind }) => kind === 'Deployment');
    apply(only(rendered('overlays/shared-volume')));
    assert.equal(replicas(), '2');
    apply(only(scaled));
    assert.equal(replicas(), '1');
    const [scale = ''] = commands('Several pods on one volume');
    printed(shell(scale, folder));
    const [{ spec } = {}] = ofKind(scaled, 'HorizontalPodAutoscaler');
    assert.equal(replicas(), String(spec?.minReplicas));
    apply(only(scaled));
    assert.equal(replicas(), String(spec?.minReplicas));
  });

  await t.test('tokens', () => {
    fill('tokens', 'first\n');
    printed(shell(firstTokens, folder));
    fill('tokens', 'second\n');
    printed(shell(changeTokens, folder));
    assert.equal(decoded('secret/weir-tokens', '.data.tokens'), 'second\n');
  });
});

/** Blocks of kubectl's commands in a section of the page. */
function commands(heading: string): string[] {
  const blocks = fencedBlocks(section(page('docs/kubernetes.md'), heading), 'sh');
  return blocks.filter((block) => block.startsWith('kubectl'));
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
