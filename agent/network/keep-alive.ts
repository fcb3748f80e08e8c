import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';

/** Words before a process that is to outlive the agent: under systemd it needs a scope apart from the agent's service. */
export function composeKeepAlive(): string[] {
  if (!existsSync('/run/systemd/system') || userInfo().uid !== 0) return [];
  return ['systemd-run', '--scope', '--quiet', '--collect', '--slice=holdfast.slice', '--'];
}
