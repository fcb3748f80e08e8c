import type { Shell } from './shell.ts';

const TABLE = 'inet holdfast_loopback';

/** Numbers of users, both ends among them. */
interface UserRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Keeps guests in user-mode networks from what listens on the box's loopback: what machines' QEMUs begin towards it is
 * refused, name servers aside. QEMU itself would carry it there, from the gateway's address. What was forwarded to a
 * guest is answered all the same. `users` are those that run nothing but QEMU.
 * @throws EffectError where the box has no nftables, or the agent may not
 */
export async function closeLoopback(shell: Shell, users: UserRange): Promise<void> {
  const rules = ['ip daddr 127.0.0.0/8', 'ip6 daddr ::1'].flatMap((to) => [
    `    meta skuid ${users.first}-${users.last} ${to} udp dport 53 accept`,
    `    meta skuid ${users.first}-${users.last} ${to} tcp dport 53 accept`,
    `    meta skuid ${users.first}-${users.last} ${to} ct state new reject`,
  ]);
  const chain = [
    '  chain to_loopback {',
    '    type filter hook output priority filter; policy accept;',
    ...rules,
  ];
  const text = [`table ${TABLE}`, `delete table ${TABLE}`, `table ${TABLE} {`, ...chain, '  }', '}', ''];
  await shell.run(['nft', '-f', '-'], text.join('\n'));
}

/** Takes that back. */
export async function openLoopback(shell: Shell): Promise<void> {
  await shell.run(['nft', '-f', '-'], `table ${TABLE}\ndelete table ${TABLE}\n`);
}
