import type { ForwardedPort, GuestOs } from '../shared/model/virtual-machine-instance.ts';
import type { ProbeAction } from './machine/probe.ts';

/** What a guest says of itself, and what is tried of it: the agent's words for both. */

/** What a guest says of itself through its agent, of what changes rarely. */
export interface GuestDetails {
  readonly agentVersion: string;
  readonly commands: readonly { readonly name: string; readonly enabled: boolean }[];
  readonly os: GuestOs;
  readonly hostname?: string;
  readonly timezone?: string;
}

export interface GuestUser {
  readonly userName: string;
  readonly domain?: string;
  /** Seconds since the epoch. */
  readonly loginTime?: number;
}

export interface GuestFileSystem {
  readonly diskName: string;
  readonly mountPoint: string;
  readonly fileSystemType: string;
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly disk: readonly { readonly busType: string; readonly serial?: string }[];
}

/** What a guest says of itself through its agent, of what changes all the time. */
export interface GuestUsage {
  readonly users: readonly GuestUser[];
  readonly fileSystems: readonly GuestFileSystem[];
  readonly frozen: boolean;
  readonly load?: { readonly load1m: number; readonly load5m: number; readonly load15m: number };
}

/** Where a guest is met from its box. */
export interface ProbeTarget {
  readonly uid: string;
  readonly ports: readonly ForwardedPort[];
  /** An address that the guest has told. */
  readonly address?: string;
}

export interface ProbeOutcome {
  readonly ok: boolean;
  /** What was found, in a sentence. */
  readonly detail: string;
}

/** Tries of guests. */
export interface Probes {
  /** Never rejects: a try that fails, or takes longer than `timeoutMs`, is an outcome. */
  run(action: ProbeAction, target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome>;
}
