import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { messageOf } from '../../shared/base/errors.ts';

/** A network namespace: its own interfaces, addresses and loopback. */
export interface Namespace {
  readonly name: string;
  /** Words before a command that make it run there; the process is the command's own, so a signal reaches it. */
  readonly within: readonly string[];
  /** Runs `ip` there. */
  ip(...args: string[]): void;
  close(): void;
}

export function createNamespace(name: string): Namespace {
  const ip = (...args: string[]) => void execFileSync('ip', args, { stdio: 'pipe' });
  ip('netns', 'add', name);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  return {
    name,
    // Not `ip netns exec`, which also mounts /sys anew and so hides the control groups.
    within: ['nsenter', `--net=/run/netns/${name}`, '--'],
    ip: (...args) => ip('-n', name, ...args),
    close: () => ip('netns', 'delete', name),
  };
}

/** Why networks of namespaces can't be made here; undefined where they can. */
export function whyNoNetwork(): string | undefined {
  const name = `hf-try-${process.pid}`;
  try {
    if (process.getuid?.() !== 0) return 'only root makes network namespaces';
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    execFileSync('socat', ['-V'], { stdio: 'pipe' });
    createNamespace(name).close();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Why an agent can't have bridges in a network of its own here; undefined where it can. */
export function whyNoBridge(): string | undefined {
  const reason = whyNoNetwork();
  if (reason !== undefined) return reason;
  const namespace = createNamespace(`hf-try-${process.pid}`);
  try {
    namespace.ip('link', 'add', 'hf-try', 'type', 'bridge');
    return undefined;
  } catch {
    return 'the kernel has no bridges';
  } finally {
    namespace.close();
  }
}
