import type { OpenWorlds } from '../bench-world.ts';
import type { BrokerChoice } from './fleet-broker.ts';
import type { FleetWorld } from './fleet-world.ts';

/** A figure of the fleet. What is not known is left out; nothing passes or fails by it. */
export interface FleetRow {
  readonly figure: string;
  readonly amount: number;
  readonly unit: string;
  readonly devices?: number;
  /** What it should be. */
  readonly goal?: string;
  /** What this kind of machine can do at most, with as little as possible in the way. */
  readonly floor?: string;
  /** How it was measured, and what has to be known to read it. */
  readonly note: string;
}

export interface FleetReport {
  row(row: FleetRow): void;
  progress(line: string): void;
}

/** Measured with a hub that runs and devices that are all connected, each with a document; it leaves them so. */
export interface FleetFigure {
  /** By which it is chosen on the command line. */
  readonly name: string;
  readonly prose: string;
  readonly measure: (world: FleetWorld, report: FleetReport) => Promise<void>;
}

/** Measured once, whatever the size of the fleet. */
export interface LoneFigure {
  readonly name: string;
  readonly prose: string;
  readonly measure: (report: FleetReport, choice: BrokerChoice, open: OpenWorlds) => Promise<void>;
}
