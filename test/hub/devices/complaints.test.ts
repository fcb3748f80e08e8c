import { expect, test } from 'vitest';
import { createComplaints } from '../../../hub/devices/complaints.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

test('a device that sends nonsense without end does not fill the log, and hides no other', () => {
  const clock = createManualClock();
  const log = createLogRecorder();
  const complain = createComplaints(clock, log);
  for (let index = 0; index < 1_000; index += 1) complain('edge-1', 'a message was refused');
  complain('edge-2', 'a message was refused');
  complain('edge-1', 'a last will was dropped');
  expect(log.lines).toHaveLength(3);
  clock.advance(10_000);
  complain('edge-1', 'a message was refused');
  complain('edge-1', 'a message was refused');
  expect(log.lines).toHaveLength(4);
});
