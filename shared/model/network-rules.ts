import type { Disk } from './domain/disk.ts';
import type { NetworkInterface } from './domain/interface.ts';
import type { Network } from './network.ts';

/** Says what is wrong with a field, by its path in the spec. */
type Refuse = (path: PropertyKey[], message: string, reason?: string) => void;

/** Rules of KubeVirt about a machine's networks that no single network or interface can break. */
export function checkNetworks(
  networks: readonly Network[],
  interfaces: readonly NetworkInterface[],
  disks: readonly Disk[],
  refuse: Refuse,
): void {
  const refuseMore = (isOne: (network: Network) => unknown, path: PropertyKey[], message: string) => {
    const found = networks.flatMap((network, index) => (isOne(network) === undefined ? [] : [index]));
    for (const index of found.slice(1)) refuse(['networks', index, ...path], message, 'FieldValueDuplicate');
    return found[0];
  };
  const pod = refuseMore((network) => network.pod, ['pod'], 'there can be one pod network');
  const standIn = refuseMore(
    ({ multus }) => (multus?.default === true ? true : undefined),
    ['multus', 'default'],
    'there can be one default network',
  );
  if (pod !== undefined && standIn !== undefined)
    refuse(['networks', standIn, 'multus', 'default'], 'must not be true where there is a pod network');

  for (const [index, { name, masquerade, state, dhcpOptions }] of interfaces.entries()) {
    const path = ['domain', 'devices', 'interfaces', index];
    const number = networks.findIndex((network) => network.name === name);
    const multus = networks[number]?.multus;
    if (multus !== undefined && masquerade !== undefined)
      refuse([...path, 'masquerade'], 'only the pod network can be masqueraded: use bridge');
    if (multus !== undefined && dhcpOptions !== undefined)
      refuse(
        [...path, 'dhcpOptions'],
        "is not supported: on a network of the site its own DHCP server answers; the pod network's is ours",
        'FieldValueNotSupported',
      );
    if (state === 'absent' && number >= 0 && (number === pod || number === standIn))
      refuse([...path, 'state'], 'the card of the default network can not be absent');
  }
  for (const [index, { bootOrder }] of interfaces.entries()) {
    const twin = bootOrder === undefined ? undefined : disks.find((disk) => disk.bootOrder === bootOrder);
    if (twin !== undefined)
      refuse(
        ['domain', 'devices', 'interfaces', index, 'bootOrder'],
        `is that of the disk ${twin.name}, too`,
        'FieldValueDuplicate',
      );
  }
  for (const field of ['acpiIndex', 'bootOrder'] as const) {
    const given = interfaces.map((each) => each[field]);
    for (const [index, value] of given.entries()) {
      if (value !== undefined && given.indexOf(value) < index)
        refuse(['domain', 'devices', 'interfaces', index, field], 'is used twice', 'FieldValueDuplicate');
    }
  }
}
