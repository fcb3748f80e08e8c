import { z } from 'zod';
import {
  DEFAULT_ARCHITECTURE,
  architecture,
  checkArchitecture,
  checkSecureBoot,
} from './domain/architecture.ts';
import { accessCredential } from './access-credential.ts';
import { checkDisks } from './disk-rules.ts';
import { domain, hasMemory } from './domain/domain.ts';
import { labels } from './metadata.ts';
import { checkNetworks } from './network-rules.ts';
import { network } from './network.ts';
import { livenessProbe, readinessProbe } from './probe.ts';
import { affinity, toleration, topologySpreadConstraint } from './scheduling.ts';
import { dnsLabel, dnsSubdomain, fields, keyedBy, meaningless } from './schema.ts';
import { volume } from './volume/volume.ts';

/** KubeVirt's `VirtualMachineInstanceSpec`: all that one run of a machine needs. */

const noPod = 'there is no pod around a machine';

const shape = fields(
  {
    domain: domain.meta({ description: 'The virtual hardware' }),
    volumes: z.array(volume).meta({ description: 'What disks are filled from' }).optional(),
    networks: z.array(network).meta({ description: 'What interfaces are connected to' }).optional(),
    nodeSelector: labels
      .meta({
        description:
          'Labels of the device that runs it; exactly one device must have them all, and meet its nodeAffinity',
      })
      .optional(),
    hostname: dnsLabel
      .meta({ description: "The guest's own name; the machine's up to its first dot, unless given" })
      .optional(),
    architecture: architecture.optional(),
    terminationGracePeriodSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .meta({ description: 'How long the guest may take to shut down; 30 unless given, 0 cuts its power' })
      .optional(),
    readinessProbe: readinessProbe.optional(),
    livenessProbe: livenessProbe.optional(),
    startStrategy: z
      .enum(['Paused'])
      .meta({ description: 'Paused: each run begins held, until it is let go on (virtctl unpause vmi)' })
      .optional(),
    accessCredentials: z
      .array(accessCredential)
      .meta({ description: 'Who may log in to the guest' })
      .optional(),
    affinity: affinity.meta({ description: 'Rules of where it may run' }).optional(),
    topologySpreadConstraints: meaningless(
      keyedBy(['topologyKey', 'whenUnsatisfiable'], z.array(topologySpreadConstraint)).meta({
        description: 'How machines are to be spread',
      }),
      'nodeSelector and nodeAffinity say where a machine runs, and those of a set are spread anyway',
    ).optional(),
    tolerations: meaningless(
      z.array(toleration).meta({ description: 'Taints of nodes that it puts up with' }),
      'devices have no taints',
    ).optional(),
    evictionStrategy: meaningless(
      z
        .enum(['None', 'LiveMigrate', 'LiveMigrateIfPossible', 'External'])
        .meta({ description: 'What becomes of it when its node is drained' }),
      'devices are not drained, and no machine is moved or stopped to make room',
    ).optional(),
    priorityClassName: meaningless(
      z.string().meta({ description: 'Who gives way where there is no room for all' }),
      'no running machine gives way to another',
    ).optional(),
    schedulerName: meaningless(
      z.string().meta({ description: 'Which scheduler places it' }),
      'the hub places every machine, by its nodeSelector',
    ).optional(),
    serviceAccountName: meaningless(
      dnsSubdomain.meta({ description: 'Account of the pod around it' }),
      noPod,
    ).optional(),
    subdomain: meaningless(
      dnsSubdomain.meta({ description: "The part after its hostname in the cluster's DNS" }),
      'machines are in no DNS: reach them by address',
    ).optional(),
    dnsPolicy: meaningless(
      z
        .enum(['ClusterFirst', 'ClusterFirstWithHostNet', 'Default'], {
          error: ({ input }) =>
            input === 'None'
              ? 'None is not supported: give the guest its name servers with cloud-init network data'
              : 'must be ClusterFirst, ClusterFirstWithHostNet or Default',
        })
        .meta({ description: 'Which name servers the pod around it has' }),
      "a guest is given its device's name servers",
    ).optional(),
  },
  {
    dnsConfig: `${noPod}: give the guest its name servers with cloud-init network data`,
    resourceClaims:
      'there is no pool of devices to claim from: name them in domain.devices.gpus or hostDevices',
    utilityVolumes: `${noPod} to mount them in: give the machine a disk`,
  },
);

export const instanceSpec = shape.superRefine((spec, context) => {
  const { disks = [], interfaces = [] } = spec.domain.devices;
  const { volumes = [], networks = [] } = spec;
  const inDisks = ['domain', 'devices', 'disks'];
  const inInterfaces = ['domain', 'devices', 'interfaces'];
  const refuse = (path: PropertyKey[], message: string, reason = 'FieldValueInvalid') =>
    context.addIssue({ code: 'custom', path, params: { reason }, message });

  checkArchitecture(spec.domain, spec.architecture ?? DEFAULT_ARCHITECTURE, (path, message) =>
    refuse(['domain', ...path], message),
  );

  const refuseRepeated = (names: readonly string[], path: PropertyKey[]) => {
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) < index)
        refuse([...path, index, 'name'], `"${name}" is used twice`, 'FieldValueDuplicate');
    }
  };
  refuseRepeated(namesOf(volumes), ['volumes']);
  refuseRepeated(namesOf(disks), inDisks);
  refuseRepeated(namesOf(interfaces), inInterfaces);
  refuseRepeated(namesOf(networks), ['networks']);

  const refuseUnmatched = (
    names: readonly string[],
    others: readonly string[],
    path: PropertyKey[],
    what: string,
  ) => {
    for (const [index, name] of names.entries()) {
      if (!others.includes(name)) refuse([...path, index, 'name'], `no ${what} has the name "${name}"`);
    }
  };
  checkDisks(disks, volumes, spec.accessCredentials ?? [], refuse);
  refuseUnmatched(namesOf(interfaces), namesOf(networks), inInterfaces, 'network in spec.networks');
  refuseUnmatched(
    namesOf(networks),
    namesOf(interfaces),
    ['networks'],
    'interface in spec.domain.devices.interfaces',
  );
  checkNetworks(networks, interfaces, disks, refuse);

  const ports = new Set(interfaces.flatMap((one) => (one.ports ?? []).map(({ name }) => name)));
  for (const probe of ['readinessProbe', 'livenessProbe'] as const) {
    for (const action of ['httpGet', 'tcpSocket'] as const) {
      const port = spec[probe]?.[action]?.port;
      if (typeof port === 'string' && !ports.has(port))
        refuse([probe, action, 'port'], `no port of an interface has the name "${port}"`);
    }
  }
});
export type InstanceSpec = z.infer<typeof instanceSpec>;

/** One that nothing is missing from: a template may leave its sizes to an instancetype. */
export const runnableSpec = instanceSpec.superRefine((spec, context) => {
  checkSecureBoot(spec.domain, spec.architecture ?? DEFAULT_ARCHITECTURE, (path, message) =>
    context.addIssue({ code: 'custom', path: ['domain', ...path], message }),
  );
  if (hasMemory(spec.domain)) return;
  const params = { reason: 'FieldValueRequired' };
  context.addIssue({ code: 'custom', path: ['domain', 'memory', 'guest'], params, message: 'is required' });
});

function namesOf(items: readonly { readonly name: string }[]): string[] {
  return items.map(({ name }) => name);
}
