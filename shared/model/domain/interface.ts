import { z } from 'zod';
import { dnsLabel, fields, meaningless, printable } from '../schema.ts';

const portNumber = z.int().min(1).max(65_535);
const protocol = z.enum(['TCP', 'UDP']);

const port = fields({
  name: dnsLabel.meta({ description: 'Name of the port in the status' }).optional(),
  port: portNumber.meta({ description: "The guest's port" }),
  protocol: protocol.meta({ description: 'TCP, the default, or UDP' }).optional(),
});

/** How many ports of one interface the box forwards at most: each costs a socket, and a word of a command line. */
export const MOST_FORWARDED_PORTS = 1000;

const portRange = fields({
  protocol: protocol.meta({ description: 'TCP or UDP' }),
  start: portNumber.meta({ description: "The first of the guest's ports" }),
  end: portNumber.meta({ description: "The last of the guest's ports" }),
}).superRefine(({ start, end }, context) => {
  if (start > end) context.addIssue({ code: 'custom', path: ['end'], message: 'must not be below start' });
});

/** What fits between quotes in a DHCP server's options. */
const optionText = printable
  .min(1)
  .max(255)
  .regex(/^[^"\\]*$/, 'must be text without quotes and backslashes');

/** KubeVirt's `DHCPOptions`. */
const dhcpOptions = fields({
  bootFileName: optionText.meta({ description: 'File to boot from the network (option 67)' }).optional(),
  tftpServerName: optionText.meta({ description: 'Server that has the file (option 66)' }).optional(),
  ntpServers: z
    .array(z.ipv4('must be an IPv4 address'))
    .max(16)
    .meta({ description: 'IPv4 addresses of time servers (option 42)' })
    .optional(),
  privateOptions: z
    .array(
      fields({
        option: z.int().min(224).max(254).meta({ description: 'Number of the option, 224 to 254' }),
        value: optionText.meta({ description: 'Its value, as text' }),
      }),
    )
    .max(31)
    .meta({ description: "Options of a site's own" })
    .optional(),
});
export type DhcpOptions = z.infer<typeof dhcpOptions>;

const USE_BRIDGE = 'use bridge with a multus network for a card on a network of the box';
const DISCONTINUED = 'KubeVirt itself took it out in v1.3: use masquerade';

/** KubeVirt's `Interface`: a network card of the guest, and how it is bound to its network. */
export const networkInterface = fields(
  {
    name: dnsLabel.meta({ description: 'The network in spec.networks that the card is connected to' }),
    masquerade: fields({})
      .meta({ description: 'A network of its own behind the box: out through it, in by forwarded ports' })
      .optional(),
    bridge: fields({})
      .meta({
        description: "A port of a bridge of the box: on the pod network the agent's own, else multus's",
      })
      .optional(),
    model: z
      .enum(['virtio', 'e1000', 'e1000e', 'igb', 'ne2k_pci', 'pcnet', 'rtl8139'])
      .meta({
        description: 'The card that the guest sees; virtio by default (igb needs QEMU 8.0 on the box)',
      })
      .optional(),
    macAddress: z
      .string()
      .regex(/^[0-9a-fA-F][02468aceACE]([:-][0-9a-fA-F]{2}){5}$/, 'must be a unicast MAC address')
      .meta({ description: 'Its address; by default one that only this machine has, and keeps' })
      .optional(),
    ports: z
      .array(port)
      .max(MOST_FORWARDED_PORTS)
      .meta({ description: "The guest's ports that the box forwards under masquerade" })
      .optional(),
    portRanges: z
      .array(portRange)
      .max(10)
      .meta({ description: 'The same as ranges of ports, in place of ports' })
      .optional(),
    state: z
      .enum(['', 'up', 'down', 'absent'])
      .meta({ description: 'Up (the default), down: its cable is out, or absent: the card is taken out' })
      .optional(),
    bootOrder: z
      .int()
      .min(1)
      .meta({ description: 'When the machine boots from it, among disks and cards with such a number' })
      .optional(),
    acpiIndex: z
      .int()
      .min(1)
      .max(16_383)
      .meta({ description: 'Number that the guest may name the card by, other than by its slot' })
      .optional(),
    dhcpOptions: dhcpOptions.meta({ description: 'What else the guest is told by DHCP' }).optional(),
    tag: meaningless(
      printable.meta({ description: 'A word about the card for the guest' }),
      'the config drive names no devices: the guest can tell its cards by macAddress or acpiIndex',
    ).optional(),
  },
  {
    binding: `network binding plugins are programs of KubeVirt's pods: ${USE_BRIDGE}, or masquerade`,
    macvtap: `KubeVirt itself took it out in v1.3: ${USE_BRIDGE}`,
    passt: DISCONTINUED,
    passtBinding: 'masquerade does what it does: use that',
    pciAddress: 'a card has a slot of its own that it keeps: leave it out (acpiIndex gives it a fixed name)',
    slirp: DISCONTINUED,
    sriov: `there is no virtual function of a card to give away: ${USE_BRIDGE}, or spec.domain.devices.hostDevices for a whole card`,
  },
).superRefine(({ masquerade, bridge, ports, portRanges, dhcpOptions: dhcp, state }, context) => {
  const refuse = (path: PropertyKey[], message: string, reason = 'FieldValueInvalid') =>
    context.addIssue({ code: 'custom', path, params: { reason }, message });
  if (masquerade === undefined && bridge === undefined)
    refuse(['masquerade'], 'is required, or bridge: how the card is connected', 'FieldValueRequired');
  if (masquerade !== undefined && bridge !== undefined)
    refuse(['bridge'], 'must not be given together with masquerade');
  if (state === 'absent' && bridge === undefined)
    refuse(['state'], 'only a card with bridge can be absent: leave the card out of the list');
  if (ports !== undefined && portRanges !== undefined)
    refuse(['portRanges'], 'must not be given together with ports');
  if (portRanges !== undefined && masquerade === undefined)
    refuse(
      ['portRanges'],
      'only a card with masquerade has ports forwarded; one with bridge has all its ports',
    );
  const ranged = (portRanges ?? []).reduce((sum, { start, end }) => sum + Math.max(0, end - start + 1), 0);
  if (ranged > MOST_FORWARDED_PORTS)
    refuse(['portRanges'], `${ranged} ports are too many, ${MOST_FORWARDED_PORTS} is the most: use bridge`);
  const names = (ports ?? []).map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (name !== undefined && names.indexOf(name) < index)
      refuse(['ports', index, 'name'], `"${name}" is used twice`, 'FieldValueDuplicate');
  }
  if (masquerade === undefined) return;
  const why = 'under masquerade the guest is not told: use bridge, or cloud-init';
  for (const field of ['ntpServers', 'privateOptions'] as const) {
    if (dhcp?.[field] !== undefined)
      refuse(['dhcpOptions', field], `is not supported: ${why}`, 'FieldValueNotSupported');
  }
});
export type NetworkInterface = z.infer<typeof networkInterface>;
