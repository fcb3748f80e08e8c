import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { GuaranteeName } from './brokers/guarantees.ts';
import { GUARANTEES } from './brokers/guarantees.ts';
import type { BrokerName } from './brokers/kept.ts';
import { KEPT } from './brokers/kept.ts';
import { ACL, SETTINGS } from './brokers/mosquitto.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/brokers.md'), 'utf8');

/** The cells of the first table that has this text in its head. */
function tableWith(text: string): string[][] {
  const lines = PAGE.split('\n');
  const from = lines.findIndex((line) => line.startsWith('|') && line.includes(text));
  const rest = lines.slice(from);
  const rows = rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('|')),
  );
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('the table of what brokers keep is the one that tests hold them to', () => {
  const [[, ...brokers] = [], , ...rows] = tableWith('RabbitMQ');
  const expected = (Object.keys(GUARANTEES) as GuaranteeName[]).map((name) => [
    GUARANTEES[name].sentence,
    ...(brokers as BrokerName[]).map((broker) => (KEPT[broker][name] ? 'yes' : 'no')),
  ]);
  expect(brokers).toEqual(Object.keys(KEPT));
  expect(rows).toEqual(expected);
});

test('each known fault names tests that there are', () => {
  const [, , ...rows] = tableWith('held by');
  const named = rows.flatMap(([, , held = '']) =>
    [...held.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
  );
  const guarantees = named.filter((name) => !name.endsWith('.test.ts'));
  expect(Object.keys(GUARANTEES)).toEqual(expect.arrayContaining(guarantees));
  for (const file of named.filter((name) => name.endsWith('.test.ts'))) {
    expect(readFileSync(join(import.meta.dirname, '../hub/broker', file), 'utf8')).toContain('test(');
  }
  expect(rows.length).toBeGreaterThan(10);
});

test("Mosquitto's configuration is the one that it is tested with", () => {
  for (const block of [SETTINGS, ACL]) expect(PAGE).toContain(`\`\`\`\n${block.trim()}\n\`\`\``);
});
