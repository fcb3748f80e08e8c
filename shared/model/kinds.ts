import { deviceKind } from './device.ts';
import { eventKind } from './event.ts';
import type { KindDefinition } from './kind.ts';
import { namespaceKind } from './namespace.ts';
import { virtualMachineInstanceReplicaSetKind } from './virtual-machine-instance-replica-set.ts';
import { virtualMachineInstanceKind } from './virtual-machine-instance.ts';
import { virtualMachinePoolKind } from './virtual-machine-pool.ts';
import { virtualMachineKind } from './virtual-machine.ts';

/** Every kind that the hub serves. */
export const KINDS: readonly KindDefinition[] = [
  namespaceKind,
  eventKind,
  deviceKind,
  virtualMachineKind,
  virtualMachineInstanceKind,
  virtualMachineInstanceReplicaSetKind,
  virtualMachinePoolKind,
];
