import { z } from 'zod';
import { EffectError } from '../../shared/base/errors.ts';
import type { Qmp } from './qmp.ts';

/** QEMU's monitor for people, for what QMP has no command for. */

/** What QEMU says to a line, which may be what is wrong with it. */
export async function askHuman(qmp: Qmp, line: string): Promise<string> {
  const said = await qmp.execute('human-monitor-command', undefined, { 'command-line': line });
  return z.string().parse(said).trim();
}

/** Runs a line that QEMU says nothing to unless it fails. @throws EffectError QmpRefused */
export async function runHuman(qmp: Qmp, line: string): Promise<void> {
  const said = await askHuman(qmp, line);
  if (said === '') return;
  const [command = ''] = line.split(' ');
  const why = said.replace(/^Error: /, '');
  throw new EffectError('QmpRefused', command, `QEMU refused ${command}: ${why}`);
}

/** Has QEMU read options as it does those of its command line: then what is plugged in is the same that a start makes. */
export async function runOptions(qmp: Qmp, command: string, options: string): Promise<void> {
  const quoted = options.replaceAll(/["\\]/g, (character) => `\\${character}`);
  await runHuman(qmp, `${command} "${quoted}"`);
}
