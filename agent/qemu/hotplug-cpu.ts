import { z } from 'zod';
import { EffectError } from '../../shared/base/errors.ts';
import type { RunRecord } from '../ports.ts';
import type { Qmp } from './qmp.ts';

/** What `query-hotpluggable-cpus` says of each place for a CPU: one that is taken has a path. */
const places = z.array(
  z.object({
    type: z.string(),
    'vcpus-count': z.int(),
    props: z.record(z.string(), z.int()),
    'qom-path': z.string().optional(),
  }),
);

/** Adds CPUs, socket by socket, until there are `count`. */
export async function addCpus(qmp: Qmp, count: number): Promise<Partial<RunRecord>> {
  const known = places.parse(await qmp.execute('query-hotpluggable-cpus'));
  const inOrder = known.toSorted((a, b) => rank(a.props) - rank(b.props));
  let there = inOrder.filter((place) => place['qom-path'] !== undefined).length;
  for (const { type, props, 'qom-path': path } of inOrder) {
    if (there >= count) break;
    if (path !== undefined) continue;
    const id = ['cpu', ...ID_PROPERTIES.map((name) => props[name] ?? 0)].join('-');
    await qmp.execute('device_add', undefined, { driver: type, id, ...props });
    there += 1;
  }
  if (there >= count) return {};
  throw new EffectError('NoFreeSocket', 'cpu', `QEMU has room for ${there} CPUs, not for ${count}`);
}

const ID_PROPERTIES = ['socket-id', 'core-id', 'thread-id'];

function rank(props: Readonly<Record<string, number>>): number {
  return ID_PROPERTIES.reduce((number, name) => number * 1024 + (props[name] ?? 0), 0);
}
