import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finished } from '../../tools/kubectl.ts';
import { kubectl, startKubectl } from '../../tools/kubectl.ts';
import type { TestApi } from './start-api.ts';
import { startApi } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const run = (command: string, stdin = ''): Promise<Finished> =>
  kubectl(api.kubeconfigPath, splitCommand(command), { stdin });

/** Words, of which those in single quotes may hold spaces. */
function splitCommand(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Output of a command that must work; runs of spaces are one. */
async function output(command: string, stdin = ''): Promise<string> {
  const { code, stdout, stderr } = await run(command, stdin);
  expect([command, code, stderr]).toEqual([command, 0, expect.not.stringMatching(/error/i)]);
  return stdout.replaceAll(/ +/g, ' ').trim();
}

/** What a command that must fail complains of. */
async function complaint(command: string, stdin = ''): Promise<string> {
  const { code, stderr } = await run(command, stdin);
  expect([command, code]).toEqual([command, 1]);
  return stderr.trim();
}

const manifest = (name: string, { spec = '', domain = '', memory = '128Mi', metadata = '' } = {}) => `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: { name: ${name}, labels: { tier: pos } ${metadata} }
spec:
  runStrategy: Halted
  ${spec}
  template:
    spec:
      domain:
        memory: { guest: ${memory} }
        devices: { disks: [{ name: root, disk: { bus: virtio } }] ${domain} }
      volumes: [{ name: root, emptyDisk: { capacity: 1Gi } }]
`;

test('knows the resources and explains them', async () => {
  expect(await output('version')).toContain('Server Version: v1.35.0+holdfast-0.1.0');
  const resources = await output('api-resources');
  expect(resources).toContain('virtualmachines vm,vms kubevirt.io/v1 true VirtualMachine');
  expect(resources).toContain('devices dev holdfast.dev/v1alpha1 false Device');
  expect(await output('explain vm.spec')).toMatch(
    /FIELD: spec <Object>[^]*runStrategy\s<string>[^]*template\s<Object> -required-/,
  );
  expect(await output('explain vm.spec.template.spec.domain.memory.guest')).toContain(
    'FIELD: guest <string>',
  );
  expect(await output('explain event.involvedObject --recursive')).toContain('resourceVersion');
  expect(await complaint('explain vm.spec.nothing')).toContain('field "nothing" does not exist');
});

test('explains what a field does here, of those too that do nothing or are refused', async () => {
  const inSpec = 'vm.spec.template.spec';
  const words = async (field: string) => (await output(`explain ${field}`)).replaceAll(/\s+/g, ' ');
  expect(await words(`${inSpec}.hostname`)).toMatch(
    /FIELD: hostname <string> DESCRIPTION: The guest's own name; the machine's up to its first dot, unless given$/,
  );
  expect(await words(`${inSpec}.tolerations`)).toContain(
    'FIELD: tolerations <[]Object> DESCRIPTION: Taints of nodes that it puts up with. Accepted, without effect: devices have no taints.',
  );
  expect(await words(`${inSpec}.dnsConfig`)).toMatch(
    /FIELD: dnsConfig <NotSupported> DESCRIPTION: Not supported: there is no pod around a machine: .*\.$/,
  );
  const domain = await output(`explain ${inSpec}.domain --recursive`);
  expect(domain).toMatch(/^ cpu\s<Object>\n cores\s<integer>\n/m);
  expect(domain).toMatch(/^ filesystems\s<NotSupported>$/m);
  expect(domain).toMatch(/^ interfaces\s<\[\]Object>$/m);
});

test('shows warnings, and does what it was told all the same', async () => {
  const spec = `template: { spec: { priorityClassName: high, domain: { memory: { guest: 128Mi }, devices: {} } } }`;
  const object = `
apiVersion: kubevirt.io/v1alpha3
kind: VirtualMachine
metadata: { name: warned }
spec: { running: false, ${spec} }
`;
  const { code, stdout, stderr } = await run('apply -f -', object);
  expect([code, stdout]).toEqual([0, 'virtualmachine.kubevirt.io/warned created\n']);
  expect(stderr).toBe(
    'Warning: spec.template.spec.priorityClassName: has no effect: no running machine gives way to another\n',
  );
  expect((await run('apply -f - --dry-run=server', object.replace('high', 'low'))).stderr).toBe(stderr);
});

test('applies, applies again, and applies what has changed', async () => {
  expect(await output('apply -f -', manifest('applied'))).toBe('virtualmachine.kubevirt.io/applied created');
  expect(await output('apply -f -', manifest('applied'))).toBe(
    'virtualmachine.kubevirt.io/applied unchanged',
  );
  const changed = manifest('applied', { memory: '256Mi' });
  const difference = await run('diff -f -', changed);
  expect([difference.code, difference.stdout]).toEqual([
    1,
    expect.stringContaining('guest: 256Mi') as string,
  ]);
  expect(await output('apply -f - --dry-run=server', changed)).toContain('configured (server dry run)');
  expect(await output('apply -f -', changed)).toBe('virtualmachine.kubevirt.io/applied configured');
  expect(await output('get vm applied -o jsonpath={.spec.template.spec.domain.memory.guest}')).toBe('256Mi');
});

test('shows objects as tables, YAML and JSON', async () => {
  await output('create namespace shop');
  await output('create -f - -n shop', manifest('shown'));
  expect(await output('get vm -n shop')).toMatch(/^NAME AGE STATUS READY DEVICE\nshown \d+s$/);
  const status =
    '{"status":{"printableStatus":"Running","conditions":[{"type":"Ready","status":"True","message":"it runs"}]}}';
  await output(`patch vm shown -n shop --subresource=status --type=merge -p '${status}'`);
  expect(await output('get vms -A -l tier=pos')).toMatch(
    /NAMESPACE NAME AGE STATUS READY DEVICE[^]*shop shown \d+s Running True/,
  );
  expect(await output('get vm -n shop -o wide')).toMatch(
    /READY DEVICE MESSAGE\nshown \d+s Running True it runs$/,
  );
  expect(await output('get virtualmachine/shown -n shop -o yaml')).toContain('printableStatus: Running');
  expect(JSON.parse(await output('get virtualmachines.v1alpha3.kubevirt.io -n shop -o json'))).toMatchObject({
    items: [{ apiVersion: 'kubevirt.io/v1alpha3', metadata: { name: 'shown' } }],
  });
  expect(await output('get all -n shop')).toContain('virtualmachine.kubevirt.io/shown');
  expect(await output('get vm -n shop -l tier!=pos -o name')).toBe('');
  expect(await output('get vm -n shop --field-selector metadata.name=shown -o name')).toContain('shown');
  expect(await output('get vm -A --sort-by=.metadata.name --show-labels')).toContain('tier=pos');
  expect(await complaint('get vm none')).toBe(
    'Error from server (NotFound): virtualmachines.kubevirt.io "none" not found',
  );
});

test('describes an object with its events', async () => {
  await output('apply -f -', manifest('told'));
  const uid = await output('get vm told -o jsonpath={.metadata.uid}');
  const happened = new Date(Date.now() - 60_000).toISOString();
  const event = `
apiVersion: v1
kind: Event
metadata: { generateName: told-, namespace: default }
involvedObject: { apiVersion: kubevirt.io/v1, kind: VirtualMachine, name: told, namespace: default, uid: ${uid} }
type: Warning
reason: Crashed
message: the guest crashed
source: { component: agent, host: edge-1 }
firstTimestamp: ${happened}
lastTimestamp: ${happened}
count: 1
`;
  await output('create -f -', event);
  const described = await output('describe vm told');
  expect(described).toMatch(/Name: told\nNamespace: default\nLabels: tier=pos/);
  expect(described).toMatch(/Warning Crashed 60s|Warning Crashed 6\ds|Warning Crashed 1m/);
  expect(described).toContain('the guest crashed');
  expect(await output('get events --field-selector involvedObject.name=told,type=Warning')).toContain(
    'Crashed',
  );
  expect(await output('events --for vm/told')).toContain('the guest crashed');
});

test('changes objects by patch, replace, label and annotate', async () => {
  await output('apply -f -', manifest('changed'));
  expect(await output(`patch vm changed --type merge -p '{"spec":{"runStrategy":"Always"}}'`)).toContain(
    'patched',
  );
  const operation = '[{"op":"replace","path":"/spec/runStrategy","value":"Manual"}]';
  expect(await output(`patch vm changed --type json -p '${operation}'`)).toContain('patched');
  expect(await output('get vm changed -o jsonpath={.spec.runStrategy}/{.metadata.generation}')).toBe(
    'Manual/3',
  );
  expect(await output('label vm changed shelf=3')).toContain('labeled');
  expect(await output('label vm changed shelf-')).toContain('unlabeled');
  expect(await output('annotate vm changed note=hello')).toContain('annotated');
  const read = (await run('get vm changed -o yaml')).stdout;
  expect(await output('replace -f -', read.replace('Manual', 'Once'))).toContain('replaced');
  expect(await complaint('replace -f -', read.replace('Manual', 'Halted'))).toContain(
    'the object has been modified',
  );
  const namespace = (label: string) =>
    `{apiVersion: v1, kind: Namespace, metadata: {name: labelled, labels: {a: ${label}}}}`;
  await output('apply -f -', namespace('b'));
  expect(await output('apply -f -', namespace('c'))).toBe('namespace/labelled configured');
});

test('deletes, and waits for what holds an object', async () => {
  await output('apply -f -', manifest('gone'));
  expect(await output('delete vm gone')).toContain('"gone" deleted');
  await output('apply -f -', manifest('held', { metadata: ', finalizers: [holdfast.dev/test]' }));
  const deleting = startKubectl(api.kubeconfigPath, ['delete', 'vm', 'held']);
  await deleting.sees('"held" deleted');
  expect(await output('get vm held -o jsonpath={.metadata.deletionTimestamp}')).toMatch(/^20.*Z$/);
  await output(`patch vm held --type merge -p '{"metadata":{"finalizers":null}}'`);
  expect((await deleting.finished).code).toBe(0);
  expect(await complaint('get vm held')).toContain('NotFound');
  await output('apply -f -', manifest('many-1') + '---' + manifest('many-2'));
  expect(await output('delete vm many-1 many-2')).toContain('"many-2" deleted');
});

test('watches, and waits for a field', async () => {
  const watching = startKubectl(api.kubeconfigPath, [
    'get',
    'vm',
    '-w',
    '-l',
    'tier=pos',
    '--output-watch-events',
  ]);
  await watching.sees('EVENT');
  await output('apply -f -', manifest('watched'));
  await watching.sees(/ADDED +watched/);
  const waiting = startKubectl(api.kubeconfigPath, [
    'wait',
    'vm/watched',
    '--for=jsonpath={.status.printableStatus}=Running',
    '--timeout=30s',
  ]);
  await output(
    `patch vm watched --subresource=status --type=merge -p '{"status":{"printableStatus":"Running"}}'`,
  );
  await watching.sees(/MODIFIED +watched +\d+s +Running/);
  expect(await waiting.finished).toMatchObject({ code: 0 });
  const gone = startKubectl(api.kubeconfigPath, ['wait', 'vm/watched', '--for=delete', '--timeout=30s']);
  await output('delete vm watched');
  await watching.sees(/DELETED +watched/);
  expect((await gone.finished).code).toBe(0);
  await watching.stop();
});

test('is told clearly what is wrong with a manifest', async () => {
  expect(await complaint('apply -f -', manifest('bad', { spec: 'runStrategi: Halted' }))).toContain(
    'Warning: spec.runStrategi: did you mean "runStrategy"?\nError from server (BadRequest): error when creating "STDIN": VirtualMachine in version "v1" cannot be handled as a VirtualMachine: strict decoding error: unknown field "spec.runStrategi"',
  );
  expect(await complaint('apply -f -', manifest('bad', { memory: '128MB' }))).toContain(
    'spec.template.spec.domain.memory.guest: Invalid value: must be a quantity',
  );
  expect(
    await complaint('apply -f -', manifest('bad', { domain: ', filesystems: [{ name: a, virtiofs: {} }]' })),
  ).toContain(
    'spec.template.spec.domain.devices.filesystems: Unsupported value: is not supported: no folders',
  );
  expect(
    await output('create --validate=ignore --dry-run=server -f -', manifest('bad', { spec: 'never: 1' })),
  ).toContain('created');
  expect(await complaint('apply -n nowhere -f -', manifest('bad'))).toContain(
    'namespaces "nowhere" not found',
  );
  expect(await complaint('delete namespace default')).toContain('may not be deleted');
});
