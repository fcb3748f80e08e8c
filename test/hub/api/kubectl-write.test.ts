import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubectl } from '../../tools/kubectl.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';

/** Every way in which people write with the real kubectl, against a whole hub. */

let hub: HubWorld;
let kubeconfig: string;
let folder: string;
beforeAll(async () => {
  hub = await startHub();
  kubeconfig = hub.kubeconfig();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-kubectl-write-'));
});
afterAll(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});

const run = (args: readonly string[], stdin = '', env: Record<string, string> = {}) =>
  kubectl(kubeconfig, args, { stdin, env });

/** What a command that must work prints; words are separated by spaces. */
async function output(command: string, stdin = '', env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command.split(' '), stdin, env);
  expect([command, code, stderr]).toEqual([command, 0, expect.not.stringMatching(/error/i)]);
  return stdout.trim();
}

async function complaint(command: string, stdin = ''): Promise<string> {
  const { code, stderr } = await run(command.split(' '), stdin);
  expect([command, code]).toEqual([command, 1]);
  return stderr.trim();
}

const map = (name: string, data: Record<string, string>, metadata = '') => `
apiVersion: v1
kind: ConfigMap
metadata: { name: ${name}${metadata} }
data: ${JSON.stringify(data)}
`;
test.for(['client', 'server'])(
  'what is no longer in a list of an object is taken out of it (%s)',
  async (side) => {
    const name = `finalized-${side}`;
    const finalizers = async () => {
      const { stdout } = await run(['get', 'cm', name, '-o', 'jsonpath={.metadata.finalizers}']);
      return stdout;
    };
    for (const wanted of [['shop.example/a', 'shop.example/b'], ['shop.example/b'], []]) {
      const manifest = map(name, { a: 'b' }, `, finalizers: ${JSON.stringify(wanted)}`);
      await output(`apply -f - --server-side=${side === 'server'}`, manifest);
      expect(JSON.parse((await finalizers()) || '[]')).toEqual(wanted);
    }
  },
);

const vm = (name: string, memory = '128Mi', strategy = 'Halted') => `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: { name: ${name}, labels: { tier: pos } }
spec:
  runStrategy: ${strategy}
  template: { spec: { domain: { memory: { guest: ${memory} }, devices: {} } } }
`;
const dataOf = async (name: string) =>
  JSON.parse(await output(`get cm ${name} -o jsonpath={.data}`)) as Record<string, string>;

describe('kubectl apply --server-side', () => {
  test('makes, changes, and takes away what is no longer applied', async () => {
    const apply = 'apply --server-side -f -';
    expect(await output(apply, map('ssa', { a: '1', b: '2' }))).toBe('configmap/ssa serverside-applied');
    const version = 'get cm ssa -o jsonpath={.metadata.resourceVersion}';
    const before = await output(version);
    await output(apply, map('ssa', { a: '1', b: '2' }));
    expect(await output(version)).toBe(before);
    await output(apply, map('ssa', { a: '3' }));
    expect(await dataOf('ssa')).toEqual({ a: '3' });
    expect(
      await output('get cm ssa --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}'),
    ).toBe('kubectl');
    expect(await output('apply --server-side --dry-run=server -f -', map('ssa', { a: '4' }))).toContain(
      'serverside-applied (server dry run)',
    );
    expect(await dataOf('ssa')).toEqual({ a: '3' });
  });

  test('says who owns what it would change, and takes it over when forced', async () => {
    await output('apply --server-side -f -', vm('fought'));
    await output('patch vm fought --type merge -p {"spec":{"runStrategy":"Manual"}}');
    const refused = await complaint('apply --server-side -f -', vm('fought'));
    expect(refused).toContain(
      'Apply failed with 1 conflict: conflict with "kubectl-patch" using kubevirt.io/v1: .spec.runStrategy',
    );
    await output('apply --server-side --force-conflicts -f -', vm('fought'));
    expect(await output('get vm fought -o jsonpath={.spec.runStrategy}')).toBe('Halted');
    expect(
      await complaint('apply --server-side -f -', vm('fought').replace('runStrategy', 'runStrategi')),
    ).toContain('.spec.runStrategi: field not declared in schema');
  });

  test('takes over what was applied without it', async () => {
    await output('apply -f -', map('moved', { a: '1', b: '2' }));
    await output('apply --server-side -f -', map('moved', { a: '2' }));
    expect(await dataOf('moved')).toEqual({ a: '2' });
    expect(
      await output('get cm moved --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}'),
    ).toBe('kubectl kubectl-last-applied');
  });
});

test('kubectl apply with an applyset prunes what is no longer in it', async () => {
  const env = { KUBECTL_APPLYSET: 'true' };
  const apply = 'apply --prune --applyset=shop -n default -f -';
  const both = `${map('one', { a: '1' })}---${vm('pruned')}`;
  expect(await output(apply, both, env)).toContain('virtualmachine.kubevirt.io/pruned created');
  const second = await output(apply, map('one', { a: '1' }), env);
  expect(second).toContain('virtualmachine.kubevirt.io/pruned pruned');
  await poll(() => hub.machine('pruned')).toBeUndefined();
  expect(await dataOf('one')).toEqual({ a: '1' });
});

test('kubectl edit changes what the editor does', async () => {
  await output('create -f -', `${map('edited', { a: '1' })}---${vm('edited')}`);
  const editor = join(folder, 'editor');
  writeFileSync(editor, '#!/bin/sh\nexec sed -i -e "s/a: \\"1\\"/a: \\"2\\"/" -e "s/Halted/Manual/" "$1"\n');
  chmodSync(editor, 0o755);
  expect(await output('edit cm/edited', '', { EDITOR: editor })).toContain('configmap/edited edited');
  expect(await dataOf('edited')).toEqual({ a: '2' });
  expect(await output('edit vm/edited', '', { EDITOR: editor })).toContain('edited edited');
  expect(await output('get vm edited -o jsonpath={.spec.runStrategy}')).toBe('Manual');
});

test('kubectl patch has three types, label and annotate theirs', async () => {
  await output('create -f -', `${map('patched', { a: '1' })}---${vm('patched')}`);
  await output('patch cm patched -p {"data":{"b":"2"}}');
  await output('patch cm patched --type merge -p {"data":{"a":null}}');
  await output('patch cm patched --type json -p [{"op":"add","path":"/data/c","value":"3"}]');
  expect(await dataOf('patched')).toEqual({ b: '2', c: '3' });
  expect(await complaint('patch vm patched --type strategic -p {}')).toContain(
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  );
  expect(await complaint('patch cm patched --type json -p [{"op":"remove","path":"/data/x"}]')).toContain(
    'The request is invalid: the server rejected our request due to an error in our request',
  );
  for (const kind of ['cm', 'vm']) {
    await output(`label ${kind} patched shelf=3`);
    await output(`annotate ${kind} patched note=hello`);
    expect(await complaint(`label ${kind} patched shelf=4`)).toContain(
      'already has a value (3), and --overwrite is false',
    );
    await output(`label ${kind} patched shelf=4 --overwrite`);
    expect(
      await output(`get ${kind} patched -o jsonpath={.metadata.labels.shelf}/{.metadata.annotations.note}`),
    ).toBe('4/hello');
    await output(`label ${kind} patched shelf-`);
  }
  await output(
    'patch vm patched --subresource=status --type=merge -p {"status":{"printableStatus":"Stopped"}}',
  );
});

test('kubectl diff shows what an apply would change, and replace changes all', async () => {
  await output('apply -f -', vm('replaced'));
  for (const flags of ['', '--server-side ']) {
    const { code, stdout } = await run(`diff ${flags}-f -`.split(' '), vm('replaced', '256Mi'));
    expect([code, stdout]).toEqual([1, expect.stringMatching(/-.*guest: 128Mi\n\+.*guest: 256Mi/) as string]);
  }
  expect(await output('replace -f -', vm('replaced', '192Mi'))).toContain('replaced');
  const read = await output('get vm replaced -o yaml');
  expect(await output('replace -f -', read.replace('192Mi', '256Mi'))).toContain('replaced');
  expect(await complaint('replace -f -', read)).toContain(
    'Operation cannot be fulfilled on virtualmachines.kubevirt.io "replaced": the object has been modified; please apply your changes to the latest version and try again',
  );
  await output('replace --force -f -', vm('replaced'));
});

test('kubectl validates fields as it is told to', async () => {
  const wrong = vm('checked').replace('runStrategy', 'running: false\n  runStrategi');
  const { stderr } = await run('create --validate=warn -f -'.split(' '), wrong);
  expect(stderr).toContain('Warning: unknown field "spec.runStrategi"');
});

describe('kubectl delete', () => {
  async function family(): Promise<void> {
    await output('create -f -', map('parent', {}));
    const uid = await output('get cm parent -o jsonpath={.metadata.uid}');
    const owner = `ownerReferences: [{ apiVersion: v1, kind: ConfigMap, name: parent, uid: ${uid}, blockOwnerDeletion: true }]`;
    await output('create -f -', map('child', {}, `, ${owner}`));
  }

  test.each(['background', 'foreground'])(
    '--cascade=%s takes with an object what it owns',
    async (cascade) => {
      await family();
      expect(await output(`delete cm parent --cascade=${cascade}`)).toContain('"parent" deleted');
      await poll(async () => (await run(['get', 'cm', 'child'])).code).toBe(1);
    },
  );

  test('--cascade=orphan leaves it', async () => {
    await family();
    await output('delete cm parent --cascade=orphan');
    expect(await output('get cm child -o jsonpath={.metadata.ownerReferences}')).toBe('');
    expect(await output('delete cm child --dry-run=server')).toContain(
      'deleted from default namespace (server dry run)',
    );
    await output('delete cm child --grace-period=0 --force');
  });

  test('takes what is selected', async () => {
    await output(
      'create -f -',
      `${map('many-1', {}, ', labels: { many: yes1 }')}---${map('many-2', {}, ', labels: { many: yes1 }')}`,
    );
    const deleted = await output('delete cm -l many=yes1');
    expect(deleted).toMatch(/"many-1" deleted[^]*"many-2" deleted/);
  });
});
