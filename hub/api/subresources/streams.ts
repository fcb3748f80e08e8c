import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import type { StreamTarget } from '../../../shared/protocol/streams.ts';
import type { ApiContext } from '../context.ts';
import { badRequest, conflict } from '../errors.ts';
import type { Subresource, Target } from './subresource.ts';
import { requireConnected } from './ask-device.ts';
import type { PlacedMachine } from './machine-target.ts';
import { findInstanceMachine, findPlacedMachine, isRunning } from './machine-target.ts';
import { openStream } from './open-stream.ts';
import { describeLast } from './order-machine.ts';

/**
 * KubeVirt's streams of bytes over a WebSocket (`plain.kubevirt.io`), as `virtctl` opens them; refusals are in
 * KubeVirt's words (its virt-api, `rest/`).
 */

const NOT_RUNNING = 'VMI is not running';
const GROUP = { group: 'subresources.kubevirt.io', versions: ['v1', 'v1alpha3'] };

/** Who has the console already is sent away. */
export const console: Subresource = stream({
  name: 'console',
  async find(context, target) {
    const machine = await findInstanceMachine(context, target);
    if (machine.spec?.domain.devices.autoattachSerialConsole === false)
      throw badRequest('No serial consoles are present.');
    requireRunning(machine);
    return { machine, wanted: { kind: 'console' } };
  },
});

export const vnc: Subresource = stream({
  name: 'vnc',
  async find(context, target, query) {
    const machine = await findDisplay(context, target);
    return { machine, wanted: { kind: 'vnc', preserveSession: query.get('preserveSession') === 'true' } };
  },
});

export const portForward: Subresource = stream({
  name: 'portforward',
  parameters: [1, 2],
  find: async (context, target) => findPort(await findInstanceMachine(context, target), target),
});

export const portForwardOfMachine: Subresource = stream({
  name: 'portforward',
  kind: virtualMachineKind,
  parameters: [1, 2],
  find: async (context, target) => findPort(await findPlacedMachine(context, target), target),
});

export const usbRedirection: Subresource = stream({
  name: 'usbredir',
  async find() {
    throw badRequest(
      'USB devices of clients are not redirected here: a device of the box itself is given by devices.hostDevices',
    );
  },
});

/** A machine that runs and has a display; @throws ApiError */
export async function findDisplay(context: ApiContext, target: Target): Promise<PlacedMachine> {
  const machine = await findInstanceMachine(context, target);
  if (machine.spec?.domain.devices.autoattachGraphicsDevice === false)
    throw badRequest('No graphics devices are present.');
  requireRunning(machine);
  return machine;
}

function requireRunning({ row, device }: PlacedMachine): void {
  requireConnected(device, describeLast(row));
  if (!isRunning(row)) throw badRequest(NOT_RUNNING);
}

function findPort(machine: PlacedMachine, { parameters: [port = '', protocol = 'tcp'] }: Target): Found {
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535) throw badRequest(`the port must be from 1 to 65535, not "${port}"`);
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw badRequest(`the protocol must be tcp or udp, not "${protocol}"`);
  requireRunning(machine);
  const { kind, row } = machine;
  if (row.status?.state === 'Paused') throw conflict(kind, row.name, 'VMI is paused');
  return {
    machine,
    wanted: { kind: 'port', port: number, protocol: protocol === 'tcp' ? 'TCP' : 'UDP' },
  };
}

interface Found {
  readonly machine: PlacedMachine;
  readonly wanted: StreamTarget;
}

interface StreamOptions extends Pick<Subresource, 'name' | 'parameters'> {
  readonly kind?: Subresource['kind'];
  readonly find: (context: ApiContext, target: Target, query: URLSearchParams) => Promise<Found>;
}

function stream({ find, kind = virtualMachineInstanceKind, ...named }: StreamOptions): Subresource {
  return {
    ...GROUP,
    ...named,
    kind,
    verb: 'get',
    responseKind: kind.kind,
    async serve(context, target, { query }) {
      // What is wrong with it anyway is said first.
      await find(context, target, query);
      throw badRequest(`${named.name} is a stream: ask for it as a WebSocket, as virtctl does`);
    },
    async connect(context, target, query) {
      const { machine, wanted } = await find(context, target, query);
      return openStream(context, machine, wanted);
    },
  };
}
