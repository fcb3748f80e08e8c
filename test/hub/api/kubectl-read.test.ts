import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HubWorld } from '../devices/hub-world.ts';
import { startHub } from '../devices/hub-world.ts';
import { event, reportOf, statusOf } from '../devices/scripted-device.ts';
import type { Finished } from '../../tools/kubectl.ts';
import { kubectl, startKubectl } from '../../tools/kubectl.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { machine } from './start-api.ts';

/** Everything that people read with the real kubectl, of a hub with a device that says what it is and does. */

const FACTS = {
  agentVersion: '0.1.0',
  nodeVersion: 'v26.10.0',
  qemuVersion: '10.0.2',
  operatingSystem: 'Debian GNU/Linux 13',
  kernel: '6.12.0',
  bootId: 'boot-1',
  cpuModel: 'Test CPU',
  cpuCores: 4,
  memoryBytes: 8 * 2 ** 30,
  diskBytes: 100 * 2 ** 30,
  accelerator: 'kvm',
  acceleratorReason: 'a guest ran with it',
};
const METRICS = { memoryAvailableBytes: 6 * 2 ** 30, diskAvailableBytes: 40 * 2 ** 30, loadAverage: 0.5 };

let hub: HubWorld;
let device: Awaited<ReturnType<HubWorld['connect']>>;
let kubeconfig: string;

beforeAll(async () => {
  hub = await startHub();
  device = await hub.connect();
  await device.hello();
  const pos = machine('pos', { labels: { tier: 'pos' } });
  const manifest = { ...pos, spec: { ...(pos.spec as object), runStrategy: 'Always' } };
  const uid = await hub.create(manifest);
  for (const name of ['video', 'legacy']) await hub.create(machine(name, { labels: { tier: 'back' } }));
  await waitFor('placement', async () => (await hub.device('edge-1'))?.status?.machines === 3);
  await device.report(
    reportOf(1, { kind: 'device', facts: FACTS }),
    reportOf(2, { kind: 'metrics', metrics: METRICS }),
    reportOf(3, statusOf(uid, 'Running')),
    reportOf(4, event('the box was switched on', { reason: 'Booted' })),
    reportOf(
      5,
      event('the guest said that it is up', {
        reason: 'GuestUp',
        machine: { uid, namespace: 'default', name: 'pos', kind: 'VirtualMachine' },
      }),
    ),
  );
  await waitFor('events', async () => (await hub.events()).length === 2);
  await waitFor('the machine', async () => (await hub.printable('pos')) === 'Running');
  kubeconfig = hub.kubeconfig();
});
afterAll(() => hub.close());

const run = (command: string, stdin = ''): Promise<Finished> =>
  kubectl(kubeconfig, splitCommand(command), { stdin });

/** Words, of which those in single quotes may hold spaces. */
function splitCommand(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Output of a command that must work and complain of nothing; runs of spaces are one. */
async function output(command: string, stdin = ''): Promise<string> {
  const { code, stdout, stderr } = await run(command, stdin);
  expect([command, code, stderr]).toEqual([command, 0, '']);
  return stdout.replaceAll(/[ \t]+/g, ' ').trim();
}

test('get in every output', async () => {
  expect(await output('get vm')).toMatch(
    /^NAME AGE STATUS READY DEVICE\nlegacy \S+ \w+ False edge-1\npos \S+ Running True edge-1\nvideo/,
  );
  expect(await output('get vm -l tier=pos -o name')).toBe('virtualmachine.kubevirt.io/pos');
  expect(
    await output(`get vm -l 'tier in (back),!gone' --no-headers -o custom-columns=N:.metadata.name`),
  ).toBe('legacy\nvideo');
  expect(await output('get vm pos -o jsonpath={.status.printableStatus}')).toBe('Running');
  expect(await output(`get vm -o go-template --template '{{range .items}}{{.metadata.name}} {{end}}'`)).toBe(
    'legacy pos video',
  );
  expect(await output('get vm pos -o yaml')).toContain('printableStatus: Running');
  expect(JSON.parse(await output('get vm,vmi -o json'))).toMatchObject({
    kind: 'List',
    items: { length: 4 },
  });
  expect(await output('get vm -A --sort-by=.metadata.creationTimestamp')).toMatch(/NAMESPACE NAME AGE/);
  expect(await output('get vm --chunk-size=1 -o name')).toBe(
    ['legacy', 'pos', 'video'].map((name) => `virtualmachine.kubevirt.io/${name}`).join('\n'),
  );
  expect(await output('get vmi --field-selector status.phase=Running,status.nodeName=edge-1 -o name')).toBe(
    'virtualmachineinstance.kubevirt.io/pos',
  );
  expect(await output('get holdfast -o name')).toContain('device.holdfast.dev/edge-1');
  expect(await output('get vm --show-labels -l tier=pos')).toContain('tier=pos');
});

test('devices as nodes, and what they use', async () => {
  expect(await output('get nodes')).toMatch(
    /^NAME STATUS ROLES AGE VERSION\nedge-1 Ready <none> \S+ 0\.1\.0$/,
  );
  expect(await output('get no -o wide')).toContain('Debian GNU/Linux 13 6.12.0 qemu://10.0.2');
  const described = await output('describe node edge-1');
  for (const line of [
    /^Name: edge-1$/m,
    /^ Hostname: edge-1$/m,
    /Ready True .* AgentConnected connected since/,
    /^ cpu: 4$/m,
    /^ memory: 8Gi$/m,
    /Kernel Version: 6\.12\.0/,
    /HolderIdentity: edge-1/,
    /RenewTime: \w{3}, /,
  ]) {
    expect(described).toMatch(line);
  }
  expect(await output('top nodes')).toMatch(
    /^NAME CPU\(cores\) CPU\(%\) MEMORY\(bytes\) MEMORY\(%\) ?\nedge-1 500m 12% 2048Mi 25%$/,
  );
  const refused = await run('label node edge-1 a=b');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining('change devices.holdfast.dev of the same name'),
  ]);
});

test("the device's history as events", async () => {
  expect(await output('get events')).toMatch(
    /^LAST SEEN TYPE REASON OBJECT MESSAGE\n[^]*Normal Booted device\/edge-1 the box was switched on/,
  );
  expect(await output('get events -o wide')).toMatch(/SUBOBJECT SOURCE MESSAGE FIRST SEEN COUNT NAME/);
  expect(await output('events --for vm/pos')).toContain('the guest said that it is up');
  expect(await output('describe device edge-1')).toMatch(/Events:[^]*Booted/);
  for (const name of ['vm', 'vmi']) {
    expect(await output(`describe ${name} pos`)).toMatch(/Events:[^]*GuestUp/);
  }
  expect(await output('describe node edge-1')).toMatch(/Events:[^]*Booted/);
  expect(await output('get events.events.k8s.io -o jsonpath={.items[*].note}')).toContain(
    'the box was switched on',
  );
  expect(
    await output('get events --field-selector involvedObject.kind=Device,reason!=GuestUp -o name'),
  ).toMatch(/^event\/edge-1\.\w+$/);
});

/** As KubeVirt's, CDI's and Multus' own definitions have them. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  virtualmachines: 'vm,vms',
  virtualmachineinstances: 'vmi,vmis',
  virtualmachineinstancereplicasets: 'vmirs,vmirss',
  virtualmachinepools: 'vmpool,vmpools',
  virtualmachineinstancetypes: 'vminstancetype,vminstancetypes,vmf,vmfs',
  virtualmachineclusterinstancetypes: 'vmclusterinstancetype,vmclusterinstancetypes,vmcf,vmcfs',
  virtualmachinepreferences: 'vmpref,vmprefs,vmp,vmps',
  virtualmachineclusterpreferences: 'vmcp,vmcps',
  datavolumes: 'dv,dvs',
  'network-attachment-definitions': 'net-attach-def',
};

test('every name of KubeVirt, and the categories', async () => {
  const resources = await output('api-resources --no-headers');
  for (const [plural, names] of Object.entries(SHORT_NAMES)) {
    expect(resources).toMatch(new RegExp(`^${plural} ${names} `, 'm'));
  }
  const singulars = Object.keys(SHORT_NAMES).map((plural) => plural.slice(0, -1));
  expect(await output(`get ${[...Object.values(SHORT_NAMES), ...singulars].join()} -o name`)).toContain(
    'virtualmachineinstance.kubevirt.io/pos',
  );
  const all = (await output('api-resources --categories=all -o name')).split('\n');
  expect(all.filter((name) => name.endsWith('kubevirt.io')).sort()).toEqual([
    'datavolumes.cdi.kubevirt.io',
    'virtualmachineinstancereplicasets.kubevirt.io',
    'virtualmachineinstances.kubevirt.io',
    'virtualmachineinstancetypes.instancetype.kubevirt.io',
    'virtualmachinepools.pool.kubevirt.io',
    'virtualmachinepreferences.instancetype.kubevirt.io',
    'virtualmachines.kubevirt.io',
  ]);
  expect(await output('get all -o name')).toContain('virtualmachine.kubevirt.io/pos');
});

test('a watch of nodes sees a device come, go and come back', async () => {
  const watching = startKubectl(kubeconfig, ['get', 'nodes', '-w']);
  await watching.sees(/^edge-1 +Ready/m);
  const other = await hub.join('edge-2');
  await watching.sees(/^edge-2 +Ready/m);
  await other.cut();
  await watching.sees(/^edge-2 +NotReady/m);
  const again = await hub.connect({ name: 'edge-2' });
  await again.hello();
  await watching.sees(/^edge-2 +NotReady[^]*^edge-2 +Ready/m);
  await watching.stop();
  await again.cut();
  expect(await output('delete device edge-2')).toContain('deleted');
});

test('what leads to a process on a box is refused', async () => {
  const { code, stderr } = await run('get --raw /api/v1/nodes/edge-1/proxy/metrics');
  expect([code, stderr]).toEqual([
    1,
    'Error from server (MethodNotAllowed): the server does not allow this method on the requested resource: ' +
      "a device listens nowhere; what its machines listen on is met by their 'portforward'\n",
  ]);
  expect((await run('logs nothing')).stderr).toContain('pods "nothing" not found');
});

test('what the API is, and who asks', async () => {
  expect(await output('auth whoami')).toMatch(
    /Username admin\n(.*\n)*Groups \[system:masters system:authenticated\]/,
  );
  expect(await output('auth can-i delete vm')).toBe('yes');
  expect(await output('auth can-i --list')).toMatch(/\*\.\* \[\] \[\] \[\*\]/);
  expect(await output('api-versions')).toMatch(/^kubevirt\.io\/v1$/m);
  expect(await output('api-resources --categories=holdfast -o name')).toContain(
    'virtualmachines.kubevirt.io',
  );
  expect(await output('api-resources --verbs=create -o name')).not.toContain('nodes');
  expect(await output('cluster-info')).toContain('is running at');
  const explained = await output('explain vm --recursive');
  expect(explained).toMatch(/^ runStrategy <string>$/m);
  expect(await output('explain node.status.capacity')).toContain('What the box has');
  expect(await output('get --raw /readyz?verbose')).toMatch(/^\[\+\]ping ok\n[^]*readyz check passed$/);
  expect(await output('get --raw /livez?exclude=store')).toBe('ok');
  expect(await output('get --raw /metrics')).toMatch(
    /apiserver_request_total\{verb="LIST",group="kubevirt.io",version="v1",resource="virtualmachines",subresource="",scope="namespace",code="200"\} \d+/,
  );
});

test('wait for a condition, a field and an end', async () => {
  expect(await output('wait vm/pos --for=condition=Ready --timeout=10s')).toContain('condition met');
  expect(
    await output('wait vm/pos --for=jsonpath={.status.printableStatus}=Running --timeout=10s'),
  ).toContain('condition met');
  expect(await output('wait vm/none --for=delete --timeout=10s')).toBe('');
});

test('a List is applied', async () => {
  const item = (name: string) => `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}, data: {a: b}}`;
  const list = `{apiVersion: v1, kind: List, items: [${item('one')}, ${item('two')}]}`;
  expect(await output('apply -f -', list)).toBe('configmap/one created\nconfigmap/two created');
});

test('what a box tells all the time changes no object', async () => {
  const before = await hub.device('edge-1');
  await device.report(reportOf(6, { kind: 'metrics', metrics: { ...METRICS, loadAverage: 2 } }));
  await waitFor('the metrics', async () => (await output('top nodes')).includes(' 2000m '));
  expect((await hub.device('edge-1'))?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
});
