import type { DeviceWatch } from './device.ts';

/** What came of each device since the marks were last cleared; times are milliseconds since 1970. */
export interface DeviceMarks {
  readonly watch: DeviceWatch;
  isUp: boolean;
  upAtMs: number | undefined;
  arrivedAtMs: number | undefined;
  storedAtMs: number | undefined;
  acknowledgedAtMs: number | undefined;
  /** When a connect failed. */
  failedAtMs: number[];
  /** From each event until the hub had it committed and the device knew. */
  reportMs: number[];
  clear(): void;
}

export function createDeviceMarks(): DeviceMarks {
  const marks: DeviceMarks = {
    isUp: false,
    upAtMs: undefined,
    arrivedAtMs: undefined,
    storedAtMs: undefined,
    acknowledgedAtMs: undefined,
    failedAtMs: [],
    reportMs: [],
    clear() {
      marks.upAtMs = undefined;
      marks.arrivedAtMs = undefined;
      marks.storedAtMs = undefined;
      marks.acknowledgedAtMs = undefined;
      marks.failedAtMs = [];
      marks.reportMs = [];
    },
    watch: {
      link(isUp) {
        marks.isUp = isUp;
        if (isUp) marks.upAtMs = Date.now();
      },
      connectFailed: () => void marks.failedAtMs.push(Date.now()),
      desiredArrived: () => void (marks.arrivedAtMs = Date.now()),
      desiredStored: () => void (marks.storedAtMs = Date.now()),
      desiredAcknowledged: () => void (marks.acknowledgedAtMs = Date.now()),
      reportAcknowledged: (happenedAtMs) => void marks.reportMs.push(Date.now() - happenedAtMs),
    },
  };
  return marks;
}
