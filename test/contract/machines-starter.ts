import { createMachines } from '../../agent/qemu/machines.ts';
import { blankMachine, optionsFor, requestOf } from './machines-world.ts';

/** An agent that does nothing but start a machine, to be killed at it. Arguments: data directory, run. */
const [dataDir = '', run = '1'] = process.argv.slice(2);
const machines = createMachines(optionsFor(dataDir));
process.stdout.write('starting\n');
await machines.start(requestOf(blankMachine(), Number(run)));
process.stdout.write('started\n');
