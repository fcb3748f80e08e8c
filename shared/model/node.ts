import { z } from 'zod';
import { formatTime } from '../base/time.ts';
import type { Device } from './device.ts';
import { HOSTNAME_LABEL, deviceKind } from './device.ts';
import type { KindDefinition, ResourceObject } from './kind.ts';
import { defineKind } from './kind.ts';
import type { Condition } from './metadata.ts';
import { condition } from './metadata.ts';
import { fields } from './schema.ts';

/**
 * Kubernetes' core/v1 `Node`: devices as clusters show their machines, so that `kubectl get nodes` and dashboards show
 * the fleet. A view of `Device` objects: there is nothing to be written.
 */

const resources = z.record(z.string(), z.string());
const nodeInfo = fields({
  machineID: z.string(),
  systemUUID: z.string(),
  bootID: z.string(),
  kernelVersion: z.string(),
  osImage: z.string(),
  containerRuntimeVersion: z.string(),
  kubeletVersion: z.string(),
  kubeProxyVersion: z.string(),
  operatingSystem: z.string(),
  architecture: z.string(),
});

const status = fields({
  capacity: resources.optional().meta({ description: 'What the box has' }),
  allocatable: resources
    .optional()
    .meta({ description: 'The same: who plans for a box counts its machines' }),
  conditions: z.array(condition.extend({ lastHeartbeatTime: z.string().nullish() })).optional(),
  addresses: z.array(fields({ type: z.string(), address: z.string() })).optional(),
  nodeInfo: nodeInfo.optional().meta({ description: 'What the box says of itself' }),
});

const ARCHITECTURE_LABEL = 'kubernetes.io/arch';
const OS_LABEL = 'kubernetes.io/os';
const ROLE_LABEL = 'node-role.kubernetes.io/';
/** Of one that is not heard Kubernetes' node controller says this. */
const UNKNOWN_REASON = 'NodeStatusUnknown';

export const nodeKind: KindDefinition = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  statusSubresource: false,
  verbs: {
    only: ['get', 'list', 'watch'],
    why: 'nodes are a view of devices: change devices.holdfast.dev of the same name',
  },
  view: { of: deviceKind, show: (object) => showNode(object as unknown as Device) },
  columns: [
    { name: 'Status', type: 'string', compute: describeReady, description: 'Whether its link is up' },
    { name: 'Roles', type: 'string', compute: listRoles, description: 'Of its role labels' },
    {
      name: 'Age',
      type: 'date',
      jsonPath: '.metadata.creationTimestamp',
      description: 'Time since it first connected',
    },
    {
      name: 'Version',
      type: 'string',
      jsonPath: '.status.nodeInfo.kubeletVersion',
      description: "Agent's version",
    },
    {
      name: 'Internal-IP',
      type: 'string',
      compute: () => '<none>',
      description: 'A box behind NAT has none that leads to it',
      priority: 1,
    },
    { name: 'External-IP', type: 'string', compute: () => '<none>', description: 'The same', priority: 1 },
    {
      name: 'OS-Image',
      type: 'string',
      jsonPath: '.status.nodeInfo.osImage',
      description: 'Its system',
      priority: 1,
    },
    {
      name: 'Kernel-Version',
      type: 'string',
      jsonPath: '.status.nodeInfo.kernelVersion',
      description: 'Its kernel',
      priority: 1,
    },
    {
      name: 'Container-Runtime',
      type: 'string',
      jsonPath: '.status.nodeInfo.containerRuntimeVersion',
      description: 'What runs machines',
      priority: 1,
    },
  ],
  shape: {
    spec: fields({ unschedulable: z.boolean().optional(), providerID: z.string().optional() }).optional(),
    status: status.optional().meta({ description: 'What its device is, and how it is' }),
  },
});

function showNode({ metadata, status: device }: Device): ResourceObject {
  const { managedFields, ownerReferences, ...kept } = metadata;
  const { facts } = device ?? {};
  const connected = device?.conditions?.find(({ type }) => type === 'Connected');
  const capacity =
    facts === undefined
      ? {}
      : {
          cpu: String(facts.cpuCores),
          memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
          'ephemeral-storage': `${Math.floor(facts.diskBytes / 1024)}Ki`,
        };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      ...kept,
      labels: { [HOSTNAME_LABEL]: metadata.name, [OS_LABEL]: 'linux', ...metadata.labels },
    },
    spec: {},
    status: {
      ...(facts !== undefined && { capacity, allocatable: capacity }),
      conditions: [compileReady(connected)],
      addresses: [{ type: 'Hostname', address: metadata.name }],
      nodeInfo: {
        machineID: '',
        systemUUID: '',
        bootID: facts?.bootId ?? '',
        kernelVersion: facts?.kernel ?? '',
        osImage: facts?.operatingSystem ?? '',
        containerRuntimeVersion: facts?.qemuVersion === undefined ? '' : `qemu://${facts.qemuVersion}`,
        kubeletVersion: facts?.agentVersion ?? '',
        kubeProxyVersion: '',
        operatingSystem: 'linux',
        architecture: metadata.labels?.[ARCHITECTURE_LABEL] ?? '',
      },
    },
  };
}

/** A link that is down says nothing of the box, which goes on by itself: as of a kubelet that is not heard. */
function compileReady(connected: Condition | undefined): Condition & { lastHeartbeatTime?: string | null } {
  const isUp = connected?.status === 'True';
  return {
    type: 'Ready',
    status: isUp ? 'True' : 'Unknown',
    lastHeartbeatTime: connected?.lastTransitionTime ?? formatTime(0),
    lastTransitionTime: connected?.lastTransitionTime ?? formatTime(0),
    reason: isUp ? 'AgentConnected' : UNKNOWN_REASON,
    message: connected?.message ?? 'nothing is known of it yet',
  };
}

function describeReady({ status: shown }: ResourceObject): string {
  const { conditions = [] } = (shown ?? {}) as z.infer<typeof status>;
  return conditions.find(({ type }) => type === 'Ready')?.status === 'True' ? 'Ready' : 'NotReady';
}

function listRoles({ metadata }: ResourceObject): string {
  const roles = Object.keys(metadata.labels ?? {}).filter((label) => label.startsWith(ROLE_LABEL));
  return roles.length === 0 ? '<none>' : roles.map((label) => label.slice(ROLE_LABEL.length)).join(',');
}
