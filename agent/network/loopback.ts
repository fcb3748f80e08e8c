import type { Shell } from './shell.ts';

/**
 * Keeps guests in user-mode networks from what listens on the box's loopback: what QEMU's own user begins towards it is
 * refused, name servers aside. QEMU itself would carry it there, from the gateway's address. What was forwarded to a
 * guest is answered all the same. Meant for a user that runs nothing but QEMU.
 * @throws EffectError where the box has no nftables, or the agent may not
 */
export async function closeLoopback(shell: Shell, user: number): Promise<void> {
  const table = tableOf(user);
  const rules = ['ip daddr 127.0.0.0/8', 'ip6 daddr ::1'].flatMap((to) => [
    `    meta skuid ${user} ${to} udp dport 53 accept`,
    `    meta skuid ${user} ${to} tcp dport 53 accept`,
    `    meta skuid ${user} ${to} ct state new reject`,
  ]);
  const chain = [
    '  chain to_loopback {',
    '    type filter hook output priority filter; policy accept;',
    ...rules,
  ];
  const text = [`table ${table}`, `delete table ${table}`, `table ${table} {`, ...chain, '  }', '}', ''];
  await shell.run(['nft', '-f', '-'], text.join('\n'));
}

/** Takes that back. */
export async function openLoopback(shell: Shell, user: number): Promise<void> {
  const table = tableOf(user);
  await shell.run(['nft', '-f', '-'], `table ${table}\ndelete table ${table}\n`);
}

const tableOf = (user: number) => `inet holdfast_loopback_${user}`;
