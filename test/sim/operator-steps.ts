import type { Step } from './plan.ts';
import type { StepDefinition } from './steps.ts';
import type { World } from './world.ts';
import { RUN_STRATEGIES } from '../../shared/model/virtual-machine.ts';
import { IMAGE_URLS } from './images-offered.ts';

/** What operators do meanwhile, through the API's own verbs and at the box's own door. */

const MACHINES = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';

/** The machines that operators made and did not delete, by name, as far as they know. */
const namesIn = ({ operator }: World) => [...operator.names];

function pickName(world: World, { number }: Step): string | undefined {
  const names = namesIn(world);
  return names[number % names.length];
}

function pickOf<T>(list: readonly [T, ...T[]], { number }: Step): T {
  return list[number % list.length] ?? list[0];
}

export const OPERATOR_STEPS = {
  create: {
    weight: 1.5,
    apply(world, step) {
      // A box has room for so many.
      if (world.operator.names.size >= world.plan.devices.length * 4) return;
      const name = world.operator.newName();
      world.count('create');
      world.hub.ask('POST', MACHINES, composeMachine(name, step));
    },
  },
  'run strategy': {
    weight: 2,
    apply(world, step) {
      const name = pickName(world, step);
      if (name === undefined) return;
      world.count('run strategy');
      const runStrategy =
        step.amount < 0.4 ? 'Always' : step.amount < 0.7 ? 'Halted' : pickOf(RUN_STRATEGIES, step);
      world.hub.ask('PATCH', `${MACHINES}/${name}`, { spec: { runStrategy } });
    },
  },
  template: {
    weight: 1,
    apply(world, step) {
      const name = pickName(world, step);
      if (name === undefined) return;
      world.count('template');
      const guest = `${128 + (step.number % 8) * 64}Mi`;
      const spec = { template: { spec: { domain: { memory: { guest } } } } };
      world.hub.ask('PATCH', `${MACHINES}/${name}`, { spec });
    },
  },
  delete: {
    weight: 0.5,
    apply(world, step) {
      const name = pickName(world, step);
      if (name === undefined) return;
      world.count('delete');
      world.operator.forget(name);
      world.witness.deletionAsked(name);
      world.hub.ask('DELETE', `${MACHINES}/${name}`);
    },
  },
  label: {
    weight: 0.5,
    apply(world, step) {
      world.count('label');
      const metadata = { labels: { 'shop.example/line': String(step.number % 3) } };
      world.hub.ask('PATCH', `/apis/holdfast.dev/v1alpha1/devices/${step.device}`, { metadata });
    },
  },
  'local order': {
    weight: 1,
    apply(world, step) {
      const box = world.box(step.device);
      const uids = box.disk.uids();
      const uid = uids[step.number % uids.length];
      if (uid === undefined) return;
      world.count('local order');
      box.order(pickOf(['stop', 'start', 'restart'], step), uid);
    },
  },
} satisfies Record<string, StepDefinition>;

function composeMachine(name: string, { device, amount, number }: Step): object {
  const root = `${name}-root`;
  const url = IMAGE_URLS[number % IMAGE_URLS.length];
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name },
    spec: {
      runStrategy: amount < 0.75 ? 'Always' : RUN_STRATEGIES[number % RUN_STRATEGIES.length],
      dataVolumeTemplates: [{ metadata: { name: root }, spec: { source: { http: { url } } } }],
      template: {
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': device },
          terminationGracePeriodSeconds: number % 7 === 0 ? 0 : 30,
          domain: { memory: { guest: '128Mi' }, devices: { disks: [{ name: 'root', disk: {} }] } },
          volumes: [{ name: 'root', dataVolume: { name: root } }, ...bulk(number)],
        },
      },
    },
  };
}

/** Now and then a machine with a description that nearly fills a message: nothing of it can be compressed. */
function bulk(number: number): object[] {
  return number % 40 === 0 ? [{ name: 'seed', cloudInitNoCloud: { userData: noise(number, 45_000) } }] : [];
}

function noise(seed: number, length: number): string {
  let state = seed + 1;
  const letters = Array.from({ length }, () => {
    state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
    return String.fromCharCode(33 + (state % 90));
  });
  return letters.join('');
}
