import { assert } from '../../shared/base/assert.ts';
import type { Limits } from './cgroups.ts';

/** A user by its number, its main group, and its further ones: one of them may open /dev/kvm. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** A systemd scope: QEMU's own cgroup, apart from the agent's. */
export interface Scope extends Limits {
  readonly unit: string;
  /** The agent's own unit, which stops before QEMU does when the box shuts down: it asks the guests first. */
  readonly before?: string;
}

/** A program and its arguments. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
}

/** In the machine's folder. */
export const LOCK_FILE = 'lock';
/** `flock`'s way to say that another process has the lock. */
export const LOCKED_EXIT_CODE = 75;

const FLOCK = ['flock', '--no-fork', '--conflict-exit-code', String(LOCKED_EXIT_CODE)];

/** What the gate says once it has the lock. */
export const LOCKED_WORD = 'locked';
/** Between a companion's words and QEMU's. */
const MIDDLE_WORD = 'command';
const LAST_WORD = 'end-of-command';

/** bash, because it reads words that end in NUL: a kernel's arguments may hold any other character. */
const GATE = [
  `echo ${LOCKED_WORD}`,
  'mapfile -d "" words',
  '((${#words[@]} > 1)) || exit 1',
  `[[ \${words[-1]} == ${LAST_WORD} ]] || exit 1`,
  'unset "words[-1]"',
  'n=0',
  `while [[ \${words[n]} != ${MIDDLE_WORD} ]]; do ((++n < \${#words[@]})) || exit 1; done`,
  // A companion is ready when it has gone to the background. It would keep the lock beyond QEMU's end, if it had it.
  'close() { for fd in /proc/$BASHPID/fd/*; do fd=${fd##*/}; ((fd < 3)) || exec {fd}>&-; done; }',
  '((n == 0)) || (close; exec "${words[@]:0:n}" </dev/null >&2) || exit 1',
  'exec "${words[@]:n+1}" </dev/null >&2',
].join('; ');

/**
 * The gate that a machine is started through, to be run in its folder. It takes the machine's lock, says so, and
 * waits for the words of a command on its standard input (`formatWords`), which it then becomes. Where they don't
 * come whole, because the agent died, it ends. Each program in the chain becomes the next by exec, so that the
 * process has one pid and one start time from the gate to QEMU.
 *
 * `flock` hands its open lock file on. The kernel keeps the lock as long as that is open, and lets go of it with
 * QEMU's end however it comes about: that is what makes a second QEMU impossible, whoever starts it and whatever
 * the agent believes. Under the same lock the disks are made and the record is written.
 */
export function composeGate(scope: Scope | undefined): Launch {
  const prefix = scope === undefined ? [] : scopeCommand(scope);
  return composeProgram([...prefix, ...FLOCK, '--nonblock', LOCK_FILE, 'bash', '-c', GATE]);
}

/**
 * Runs `command` only while no QEMU of the machine lives, and none can start meanwhile. One that was killed has the
 * lock until its memory is given back: hence some seconds of patience.
 */
export function composeLocked(command: readonly string[]): Launch {
  return composeProgram([...FLOCK, '--timeout', '5', LOCK_FILE, ...command]);
}

/** What a gate becomes. */
export interface RunCommand {
  readonly program: string;
  readonly arguments: readonly string[];
  /** An unprivileged user, where there is one. */
  readonly account?: Account | undefined;
  /** The time zone that `localtime` is of. */
  readonly timezone?: string | undefined;
  /** Whether it may lock as much memory as it likes. */
  readonly locksMemory?: boolean;
  /** The CPUs of the box that it keeps to; all where there are none. */
  readonly cpus?: readonly number[];
  /** A process to be started before it, which goes to the background once it is ready. */
  readonly companion?: readonly string[] | undefined;
}

/** A command in the form that the gate reads. */
export function formatWords({ program, companion = [], ...run }: RunCommand): string {
  const { account, timezone, locksMemory = false, cpus = [] } = run;
  const asUser = account === undefined ? [] : accountCommand(account);
  const words = [
    ...(companion.length === 0 ? [] : [...asUser, ...companion]),
    MIDDLE_WORD,
    ...(locksMemory ? ['prlimit', '--memlock=unlimited', '--'] : []),
    ...(cpus.length === 0 ? [] : ['taskset', '--cpu-list', cpus.join(',')]),
    ...asUser,
    ...(timezone === undefined ? [] : ['env', `TZ=${timezone}`]),
    program,
    ...run.arguments,
    LAST_WORD,
  ];
  // The schema refuses it; past it, whoever writes a manifest would write arguments of QEMU.
  for (const word of words)
    assert(!word.includes('\0'), `a NUL would split the word ${JSON.stringify(word)}`);
  return words.map((word) => `${word}\0`).join('');
}

function composeProgram([file = '', ...args]: readonly string[]): Launch {
  return { file, args };
}

/** Becomes that user for good, without any capability. */
export function accountCommand({ uid, gid, groups }: Account): string[] {
  const further = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
  return [
    'setpriv',
    '--reuid',
    String(uid),
    '--regid',
    String(gid),
    ...further,
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--no-new-privs',
  ];
}

/** Gives the scope of a run other limits; they last as long as it does. */
export function composeLimits({ unit, ...limits }: Scope): Launch {
  return composeProgram([
    'systemctl',
    'set-property',
    '--runtime',
    `${unit}.scope`,
    ...scopeProperties(limits),
  ]);
}

function scopeProperties({ memoryMaxBytes, cpu }: Omit<Scope, 'unit'>): string[] {
  const quota = cpu.cores === undefined ? [] : [`CPUQuota=${Math.ceil(cpu.cores * 100)}%`];
  return [`MemoryMax=${memoryMaxBytes}`, `CPUWeight=${cpu.weight}`, ...quota];
}

/** The systemd service that a process is of, by its `/proc/<pid>/cgroup`; undefined where it is of none. */
export function findService(cgroup: string): string | undefined {
  return /\/([\w@.:-]+\.service)$/m.exec(cgroup)?.[1];
}

function scopeCommand({ unit, memoryMaxBytes, cpu, before }: Scope): string[] {
  return [
    'systemd-run',
    '--scope',
    '--quiet',
    '--collect',
    `--unit=${unit}`,
    '--slice=holdfast.slice',
    ...scopeProperties({ memoryMaxBytes, cpu }).flatMap((property) => ['-p', property]),
    // Units stop in the reverse of the order in which they start.
    ...(before === undefined ? [] : ['-p', `Before=${before}`]),
    '--',
  ];
}
