import { formatTable } from '../../../shared/base/table.ts';
import type { FleetRow } from './fleet-figure.ts';

/** A line a figure; where it was measured for several sizes of fleet, a column each, and the largest one's note. */
export function formatFleetTables(rows: readonly FleetRow[]): string {
  const sized = rows.filter(({ devices }) => devices !== undefined);
  const alone = rows.filter(({ devices }) => devices === undefined);
  return [formatSized(sized), formatAlone(alone)].filter((text) => text !== '').join('\n\n');
}

function formatSized(rows: readonly FleetRow[]): string {
  if (rows.length === 0) return '';
  const sizes = [...new Set(rows.flatMap(({ devices }) => devices ?? []))].toSorted((a, b) => a - b);
  const lines = [...Map.groupBy(rows, ({ figure }) => figure)].map(([figure, of]) => {
    const amounts = sizes.map((size) => formatAmount(of.find(({ devices }) => devices === size)));
    const { unit = '', goal = '', floor = '', note = '' } = of.at(-1) ?? {};
    return [figure, ...amounts, unit, goal, floor, note];
  });
  return formatTable([['FIGURE', ...sizes.map(String), 'UNIT', 'GOAL', 'FLOOR', 'NOTE'], ...lines]);
}

function formatAlone(rows: readonly FleetRow[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map((row) => [
    row.figure,
    formatAmount(row),
    row.unit,
    row.goal ?? '',
    row.floor ?? '',
    row.note,
  ]);
  return formatTable([['FIGURE', 'VALUE', 'UNIT', 'GOAL', 'FLOOR', 'NOTE'], ...lines]);
}

function formatAmount(row: FleetRow | undefined): string {
  if (row === undefined) return '';
  const { amount } = row;
  if (Number.isInteger(amount)) return String(amount);
  if (Math.abs(amount) >= 100) return amount.toFixed(0);
  return amount.toFixed(Math.abs(amount) >= 10 ? 1 : 2);
}
