import process from 'node:process';
import { createClock } from '../../../shared/host/clock.ts';
import { createMqttLink } from '../../../agent/link/mqtt-link.ts';

/** Connects as `edge-1` to the broker in its first argument, with its second as last will; made to be killed. */
const [url = '', gone = ''] = process.argv.slice(2);
await createMqttLink(url, 'edge-1', 60, createClock()).connect({
  gone: Buffer.from(gone),
  receive: () => {},
  lost: () => {},
});
process.stdout.write('connected\n');
