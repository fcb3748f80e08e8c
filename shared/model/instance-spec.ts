import { z } from 'zod';
import { domain } from './domain/domain.ts';
import { labels } from './metadata.ts';
import { dnsLabel, fields, notYet } from './schema.ts';
import { network } from './network.ts';
import { livenessProbe, readinessProbe } from './probe.ts';
import { volume } from './volume/volume.ts';

/** KubeVirt's `VirtualMachineInstanceSpec`: all that one run of a machine needs. */

const shape = fields(
  {
    domain,
    volumes: z.array(volume).optional(),
    networks: z.array(network).optional(),
    nodeSelector: labels.optional(),
    hostname: dnsLabel.optional(),
    readinessProbe: readinessProbe.optional(),
    livenessProbe: livenessProbe.optional(),
    startStrategy: z
      .enum(['Paused'])
      .meta({ description: 'Paused: each run begins held, until it is let go on (virtctl unpause vmi).' })
      .optional(),
    terminationGracePeriodSeconds: z.int().min(0).max(86_400).optional(),
  },
  notYet(
    'accessCredentials',
    'affinity',
    'architecture',
    'dnsConfig',
    'dnsPolicy',
    'evictionStrategy',
    'priorityClassName',
    'resourceClaims',
    'schedulerName',
    'serviceAccountName',
    'subdomain',
    'tolerations',
    'topologySpreadConstraints',
    'utilityVolumes',
  ),
);

export const instanceSpec = shape.superRefine((spec, context) => {
  const { disks = [], interfaces = [] } = spec.domain.devices;
  const { volumes = [], networks = [] } = spec;
  const inDisks = ['domain', 'devices', 'disks'];
  const inInterfaces = ['domain', 'devices', 'interfaces'];
  const refuse = (path: PropertyKey[], message: string, reason = 'FieldValueInvalid') =>
    context.addIssue({ code: 'custom', path, params: { reason }, message });

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
  refuseUnmatched(namesOf(disks), namesOf(volumes), inDisks, 'volume in spec.volumes');
  refuseUnmatched(namesOf(interfaces), namesOf(networks), inInterfaces, 'network in spec.networks');
  refuseUnmatched(
    namesOf(networks),
    namesOf(interfaces),
    ['networks'],
    'interface in spec.domain.devices.interfaces',
  );
  if (networks.length > 1)
    refuse(['networks', 1, 'pod'], 'there can be one pod network', 'FieldValueDuplicate');

  const ports = new Set(interfaces.flatMap((one) => (one.ports ?? []).map(({ name }) => name)));
  for (const probe of ['readinessProbe', 'livenessProbe'] as const) {
    for (const action of ['httpGet', 'tcpSocket'] as const) {
      const port = spec[probe]?.[action]?.port;
      if (typeof port === 'string' && !ports.has(port))
        refuse([probe, action, 'port'], `no port of an interface has the name "${port}"`);
    }
  }

  const seeds = volumes.flatMap(({ cloudInitNoCloud }, index) =>
    cloudInitNoCloud === undefined ? [] : [index],
  );
  for (const index of seeds.slice(1))
    refuse(['volumes', index, 'cloudInitNoCloud'], 'there can be one cloud-init volume');
});
export type InstanceSpec = z.infer<typeof instanceSpec>;

function namesOf(items: readonly { readonly name: string }[]): string[] {
  return items.map(({ name }) => name);
}
