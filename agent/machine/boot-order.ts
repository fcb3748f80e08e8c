import type { Domain } from '../../shared/model/domain/domain.ts';

/** QEMU's boot indexes by name, of what a machine may be booted from. */
export interface BootOrder {
  readonly disks: ReadonlyMap<string, number>;
  readonly interfaces: ReadonlyMap<string, number>;
}

/**
 * The order of disks and cards by their `bootOrder`, where a card has one: only cards that have one are booted from.
 * Disks of which none has one come after the cards, in their order. Undefined where no card has one: the order of the
 * disks is then theirs alone.
 */
export function rankBoot({ devices }: Domain): BootOrder | undefined {
  const { disks = [], interfaces = [] } = devices;
  const cards = interfaces.filter(({ bootOrder, state }) => bootOrder !== undefined && state !== 'absent');
  if (cards.length === 0) return undefined;
  const ordered = disks.filter(({ bootOrder }) => bootOrder !== undefined);
  const tried = ordered.length === 0 ? disks : ordered;
  const ranked = [
    ...cards.map(({ name, bootOrder }) => ({
      kind: 'interfaces' as const,
      name,
      order: bootOrder ?? Infinity,
    })),
    ...tried.map(({ name, bootOrder }) => ({ kind: 'disks' as const, name, order: bootOrder ?? Infinity })),
  ].toSorted((a, b) => (a.order === b.order ? 0 : a.order - b.order));
  const indexesOf = (kind: keyof BootOrder) =>
    new Map(ranked.flatMap((one, index) => (one.kind === kind ? [[one.name, index + 1] as const] : [])));
  return { disks: indexesOf('disks'), interfaces: indexesOf('interfaces') };
}
