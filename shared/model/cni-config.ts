import { z } from 'zod';
import type { BridgeNetwork } from './machine.ts';
import { fields, interfaceName, meaningless } from './schema.ts';
import type { FieldCause } from './validate.ts';
import { validate } from './validate.ts';
import type { FieldWarning } from './warnings.ts';
import { findMeaningless } from './warnings.ts';

/**
 * The CNI configuration in a `NetworkAttachmentDefinition`: JSON of one plugin, or of a list of them. Machines use
 * those of the bridge plugin (github.com/containernetworking/plugins, `plugins/main/bridge`); what else there is may
 * be for a box's pods.
 */

/** The bridge that CNI's plugin uses where none is named. */
const DEFAULT_BRIDGE = 'cni0';
/** Linux' bridge plugin, and the name that KubeVirt's own distributions give it. */
const BRIDGE_TYPES = ['bridge', 'cnv-bridge'];
/** Changes settings of a pod's interface; without any, it does nothing. */
const TUNING_TYPES = ['tuning', 'cnv-tuning'];

const NO_ADDRESSES = 'machines on a bridge get their addresses from the network behind it, not from the box';
const SET_UP_BY_BOX = 'the bridge itself is used as it is set up on the box';

const never = (why: string) => z.literal(false, { error: `must not be true: ${why}` });

const bridgePlugin = fields(
  {
    cniVersion: z.string().optional(),
    name: z.string().optional(),
    type: z.enum(BRIDGE_TYPES),
    bridge: interfaceName.meta({ description: 'The bridge on the box; cni0 unless given' }).optional(),
    vlan: z.int().min(0).max(4094).meta({ description: 'The VLAN of machines on it; 0 for none' }).optional(),
    mtu: z
      .int()
      .min(0)
      .max(65_521)
      .meta({ description: "The MTU of machines' interfaces; 0 for the bridge's own" })
      .optional(),
    ipam: fields(
      {},
      Object.fromEntries(
        ['type', 'ranges', 'subnet', 'addresses', 'routes', 'dns'].map((name) => [
          name,
          `${NO_ADDRESSES}: leave ipam empty`,
        ]),
      ),
    )
      .meta({ description: 'Must be empty' })
      .optional(),
    macspoofchk: meaningless(z.boolean(), "the box does not check the sender of guests' frames").optional(),
    isGateway: meaningless(z.boolean(), `it is about addresses on the box, and ${NO_ADDRESSES}`).optional(),
    isDefaultGateway: meaningless(
      z.boolean(),
      `it is about addresses on the box, and ${NO_ADDRESSES}`,
    ).optional(),
    forceAddress: meaningless(
      z.boolean(),
      `it is about addresses on the box, and ${NO_ADDRESSES}`,
    ).optional(),
    ipMasq: meaningless(z.boolean(), `it is about addresses on the box, and ${NO_ADDRESSES}`).optional(),
    ipMasqBackend: meaningless(
      z.string(),
      `it is about addresses on the box, and ${NO_ADDRESSES}`,
    ).optional(),
    preserveDefaultVlan: meaningless(z.boolean(), "a machine's port has its own VLAN only").optional(),
    enabledad: meaningless(z.boolean(), 'it is about addresses in a pod').optional(),
    disableContainerInterface: meaningless(z.boolean(), 'it is about the interface in a pod').optional(),
    dns: meaningless(z.record(z.string(), z.unknown()), 'it is for a pod').optional(),
    capabilities: meaningless(z.record(z.string(), z.unknown()), 'it is for a pod').optional(),
    hairpinMode: never(SET_UP_BY_BOX).optional(),
    promiscMode: never(SET_UP_BY_BOX).optional(),
    portIsolation: never('machines on one bridge reach each other').optional(),
  },
  {
    vlanTrunk: "a machine's interface is in one VLAN: make a definition with vlan for each",
    args: 'it is made by the runtime',
    runtimeConfig: 'it is made by the runtime',
    prevResult: 'it is made by the runtime',
  },
);

const tuningPlugin = fields(
  { cniVersion: z.string().optional(), name: z.string().optional(), type: z.enum(TUNING_TYPES) },
  Object.fromEntries(
    ['sysctl', 'mac', 'mtu', 'promisc', 'allmulti', 'txQLen', 'dataDir'].map((name) => [
      name,
      "it changes a pod's interface: set a machine's in its own spec",
    ]),
  ),
);

const pluginList = z.object({ plugins: z.array(z.object({ type: z.string() })).min(1) });
const plugin = z.object({ type: z.string() });

/** What a configuration says to machines. */
export type Attachment =
  | { readonly kind: 'bridge'; readonly network: BridgeNetwork }
  /** It is well formed, and nothing that a machine can be connected to. */
  | { readonly kind: 'other'; readonly why: string }
  | { readonly kind: 'invalid'; readonly causes: readonly FieldCause[] };

/** Reads a configuration; causes have the field's path inside it. */
export function parseCniConfig(text: string): Attachment {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    return invalid([{ field: '', reason: 'FieldValueInvalid', message: 'must be JSON' }]);
  }
  const list = pluginList.safeParse(config);
  if (list.success) return readList(config as { plugins: unknown[] }, list.data.plugins);
  const one = plugin.safeParse(config);
  if (one.success) return readPlugin(config, one.data.type, '');
  const message = 'must be the configuration of a CNI plugin (with a type), or a list of them (plugins)';
  return invalid([{ field: '', reason: 'FieldValueInvalid', message }]);
}

/** What of a well formed configuration has no effect on machines, by the field's path inside it. */
export function findIdleConfig(text: string): FieldWarning[] {
  if (parseCniConfig(text).kind !== 'bridge') return [];
  const config = JSON.parse(text) as { readonly plugins?: readonly unknown[] };
  if (config.plugins === undefined) return findMeaningless(bridgePlugin, config);
  return findMeaningless(bridgePlugin, config.plugins[0]).map(({ field, why }) => {
    return { field: `plugins[0].${field}`, why };
  });
}

function readList(config: { plugins: unknown[] }, plugins: readonly { readonly type: string }[]): Attachment {
  const [first] = plugins;
  if (first === undefined || !BRIDGE_TYPES.includes(first.type)) return other(first?.type ?? '');
  const known = new Set(['cniVersion', 'cniVersions', 'name', 'plugins', 'disableCheck', 'disableGC']);
  const unknown = Object.keys(config).filter((key) => !known.has(key));
  const chained = plugins.slice(1).flatMap(({ type }, index): readonly FieldCause[] => {
    const field = `plugins[${index + 1}]`;
    if (!TUNING_TYPES.includes(type)) {
      const message = `is not supported: no plugin but tuning is run after ${first.type} for a machine, not ${type}`;
      return [{ field: `${field}.type`, reason: 'FieldValueNotSupported', message }];
    }
    return causesIn(tuningPlugin, config.plugins[index + 1], field);
  });
  const read = readPlugin(config.plugins[0], first.type, 'plugins[0]');
  const causes = [
    ...unknown.map((field): FieldCause => {
      return { field, reason: 'FieldValueForbidden', message: 'unknown field of a CNI list' };
    }),
    ...(read.kind === 'invalid' ? read.causes : []),
    ...chained,
  ];
  return causes.length > 0 ? invalid(causes) : read;
}

function readPlugin(config: unknown, type: string, field: string): Attachment {
  if (!BRIDGE_TYPES.includes(type)) return other(type);
  const causes = causesIn(bridgePlugin, config, field);
  if (causes.length > 0) return invalid(causes);
  const { bridge = DEFAULT_BRIDGE, vlan = 0, mtu = 0 } = bridgePlugin.parse(config);
  return { kind: 'bridge', network: { bridge, ...(vlan > 0 && { vlan }), ...(mtu > 0 && { mtu }) } };
}

function causesIn(schema: z.ZodType, config: unknown, at: string): readonly FieldCause[] {
  const checked = validate(schema, config);
  if (checked.ok) return [];
  return checked.causes.map((cause) => {
    return { ...cause, field: [at, cause.field].filter((part) => part !== '').join('.') };
  });
}

function other(type: string): Attachment {
  const why = `it is of type ${type}, and machines are connected to type bridge only`;
  return { kind: 'other', why };
}

function invalid(causes: readonly FieldCause[]): Attachment {
  return { kind: 'invalid', causes };
}
