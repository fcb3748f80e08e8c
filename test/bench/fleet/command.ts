import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { OpenWorlds } from '../bench-world.ts';
import type { BrokerChoice } from './fleet-broker.ts';
import { BROKERS } from './fleet-broker.ts';
import type { FleetRow } from './fleet-figure.ts';
import { formatFleetTables } from './fleet-table.ts';
import { FLEET_FIGURES, LONE_FIGURES, measureFleet } from './measure-fleet.ts';

interface Options {
  readonly devices: readonly number[];
  readonly only?: readonly string[];
  readonly json?: string;
  readonly broker: BrokerChoice['broker'];
  readonly tls: boolean;
}

const FIGURES = [...FLEET_FIGURES, ...LONE_FIGURES];
/** Both ends of every connection are on this box, and a process may have 20,000 files open. */
const MOST_DEVICES = 19_000;

interface Host {
  /** What is running and has to be closed if this is interrupted. */
  readonly open: OpenWorlds;
  readonly progress: (line: string) => void;
}

/** `bench fleet`: many devices and one hub, over real sockets. */
export function createFleetCommand({ open, progress }: Host): Command {
  return new Command('fleet')
    .description(
      'measure one hub with many devices: real sync code and sockets, each side a process of its own',
    )
    .option(
      '--devices <N,...>',
      'sizes of fleets, measured one after the other',
      parseSizes,
      [1_000, 5_000, 10_000],
    )
    .option(
      '--only <NAME,...>',
      `the figures to measure: ${FIGURES.map(({ name }) => name).join(', ')}`,
      parseNames,
    )
    .addOption(
      new Option('--broker <NAME>', 'what carries the messages').choices(BROKERS).default('embedded'),
    )
    .option('--tls', 'with certificates on both sides', false)
    .option('--json <FILE>', 'write the figures there as JSON too')
    .addHelpText(
      'after',
      `\nFigures:\n${FIGURES.map(({ name, prose }) => `  ${name.padEnd(10)}${prose}`).join('\n')}`,
    )
    .action(async ({ devices: sizes, only, json, broker, tls }: Options) => {
      const rows: FleetRow[] = [];
      const [load = 0] = loadavg();
      const machine = `${availableParallelism()} CPUs (${cpus()[0]?.model ?? 'unknown'}; load ${load.toFixed(2)} before), Node ${process.version}; broker ${broker}, ${tls ? 'mTLS' : 'plain'}`;
      const isChosen = (name: string) => only === undefined || only.includes(name);
      const failures = await measureFleet(
        { sizes, broker: { broker, tls }, isChosen, open },
        { row: (row) => void rows.push(row), progress },
      );
      const complaints = failures.map((failure) => `not measured: ${failure}`);
      process.stdout.write([machine, '', formatFleetTables(rows), ...complaints, ''].join('\n'));
      if (json !== undefined) {
        writeFileSync(json, `${JSON.stringify({ machine, rows, failures }, undefined, 2)}\n`);
      }
      process.exitCode = failures.length === 0 ? 0 : 1;
    });
}

function parseSizes(text: string): number[] {
  return text.split(',').map((size) => {
    const number = Number(size);
    if (Number.isInteger(number) && number >= 1 && number <= MOST_DEVICES) return number;
    throw new InvalidArgumentError(`must be whole numbers from 1 to ${MOST_DEVICES}, not "${size}"`);
  });
}

function parseNames(text: string): string[] {
  const names = text.split(',');
  const unknown = names.find((name) => !FIGURES.some((figure) => figure.name === name));
  if (unknown === undefined) return names;
  throw new InvalidArgumentError(`there is no figure "${unknown}"`);
}
