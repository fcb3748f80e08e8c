import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { DEFAULT_MACHINE_TYPES, qemuProgram } from '../machine/machine-type.ts';
import { runTool } from './tool.ts';

const HUGEPAGES_FOLDER = '/sys/kernel/mm/hugepages';

/**
 * Checks what QEMU and the kernel of this box must have for a machine, where QEMU itself would say less. Nothing is
 * asked for what every box has.
 * @throws EffectError MachineTypeMissing, CpuModelMissing, NotEnoughHugepages
 */
export async function checkOffers(
  machine: CompiledMachine,
  hugepagesFolder = HUGEPAGES_FOLDER,
): Promise<void> {
  const { architecture, machineType, cpu, memory, memoryBytes } = machine;
  const program = qemuProgram(architecture);
  if (machineType !== DEFAULT_MACHINE_TYPES[architecture]) {
    const types = await listTypes(program, architecture === 'arm64' ? 'virt' : 'pc-q35');
    if (!types.includes(machineType)) {
      const message = `QEMU on this box has no machine of the type ${machineType}; it has ${types.join(', ')}`;
      throw new EffectError('MachineTypeMissing', machineType, message);
    }
  }
  if (cpu.model !== undefined) {
    const models = await listModels(program);
    if (!models.includes(cpu.model)) {
      const message = `QEMU on this box has no CPU of the model ${cpu.model}; it has ${models.join(', ')}`;
      throw new EffectError('CpuModelMissing', cpu.model, message);
    }
  }
  if (memory.hugepageBytes !== undefined)
    await checkHugepages(memoryBytes, memory.hugepageBytes, hugepagesFolder);
}

async function listTypes(program: string, family: string): Promise<string[]> {
  const lines = (await runTool(program, ['-machine', 'help'])).split('\n').slice(1);
  const names = lines.map((line) => line.split(' ')[0] ?? '');
  return names.filter((name) => name.startsWith(family) || DEFAULT_NAMES.has(name));
}

const DEFAULT_NAMES: ReadonlySet<string> = new Set(Object.values(DEFAULT_MACHINE_TYPES));

/** Lines are `x86 NAME (what it is)` on amd64 and `NAME` on arm64, under a title. */
async function listModels(program: string): Promise<string[]> {
  const text = await runTool(program, ['-cpu', 'help']);
  const lines = text.split('\n\n')[0]?.split('\n').slice(1) ?? [];
  return lines.flatMap((line) => /^(?:x86)?\s+(\S+)/.exec(line)?.[1] ?? []);
}

async function checkHugepages(memoryBytes: number, pageBytes: number, folder: string): Promise<void> {
  const name = `hugepages-${pageBytes / 1024}kB`;
  const free = Number(await readFile(join(folder, name, 'free_hugepages'), 'utf8').catch(() => '0'));
  const wanted = memoryBytes / pageBytes;
  if (free >= wanted) return;
  const message = `the machine's memory is ${wanted} huge pages of ${formatBytes(pageBytes)}, and ${free} are free on this box: set more aside (${join(folder, name, 'nr_hugepages')})`;
  throw new EffectError('NotEnoughHugepages', name, message);
}
