/** Up to what a process can be changed while it runs, as it was started. */
export interface RunLimits {
  /** All CPUs that it can have. */
  readonly cpus: number;
  /** What the guest had at its start. */
  readonly memoryBytes: number;
  /** What it can be given at most; as much as at its start where it can't be given more. */
  readonly maxMemoryBytes: number;
}

const MIB = 2 ** 20;

/** Read from QEMU's arguments (`cpuArguments`, `memoryArguments`): what was asked for since says nothing of them. */
export function readRunLimits(command: readonly string[]): RunLimits {
  const [cpus = '1', smp] = splitOption(command, '-smp');
  const [memory = '0M', options] = splitOption(command, '-m');
  const memoryBytes = Number.parseInt(memory, 10) * MIB;
  const maxMemory = options.get('maxmem');
  return {
    cpus: Number(smp.get('maxcpus') ?? cpus),
    memoryBytes,
    maxMemoryBytes: maxMemory === undefined ? memoryBytes : Number.parseInt(maxMemory, 10) * MIB,
  };
}

function splitOption(command: readonly string[], option: string): [string | undefined, Map<string, string>] {
  const [first, ...others] = (command[command.indexOf(option) + 1] ?? '').split(',');
  const properties = others.map((property): [string, string] => {
    const [name = '', value = ''] = property.split('=');
    return [name, value];
  });
  return [first, new Map(properties)];
}
