import { codeOf, messageOf } from '../../../shared/base/errors.ts';
import { formatTime } from '../../../shared/base/time.ts';
import { deviceKind } from '../../../shared/model/device.ts';
import type { RequestBody, ResponseMessage } from '../../../shared/protocol/messages.ts';
import type { DeviceRow, Tables } from '../../ports.ts';
import type { ApiContext } from '../context.ts';
import { conflict, notFound, timedOut, tooManyRequests, unavailable } from '../errors.ts';

/** @throws ApiError 404 */
export async function findDevice({ devices }: Tables, name: string): Promise<DeviceRow> {
  const device = await devices.get(name);
  if (device === undefined) throw notFound(deviceKind, name);
  return device;
}

/**
 * Asks a device and waits for its answer. One that is not connected is not waited for: `instead` says what its asker
 * can do.
 * @throws ApiError 503 where it is not connected, 504 where it does not answer in time, 409 where it can't do it, 429
 * where too much is asked at once
 */
export async function askDevice(
  { askDevice: ask }: ApiContext,
  device: DeviceRow,
  body: RequestBody,
  options: { readonly id?: string; readonly deadlineMs: number; readonly instead?: string },
): Promise<ResponseMessage> {
  const { instead = '', ...rest } = options;
  const { name } = device;
  requireConnected(device, instead);
  const response = await ask(name, body, rest).catch((error: unknown) => {
    throw refusalOf(name, error);
  });
  if (response.outcome === 'done') return response;
  // The device had it after its deadline: nothing was done.
  if (response.reason === 'DeadlineExceeded') throw timedOut(deviceKind, name, response.message);
  if (response.reason === 'TooManyRequests') throw tooManyRequests(`device ${name}: ${response.message}`);
  throw conflict(deviceKind, name, `${response.message} (${response.reason})`);
}

/** @throws ApiError 503 where a device can't be asked anything, with what is known and can be done `instead` */
export function requireConnected({ name, presence, presenceSinceMs }: DeviceRow, instead: string): void {
  if (presence === 'connected') return;
  const how = presence === 'unknown' ? 'has not been heard' : 'is not connected';
  throw unavailable(deviceKind, name, `it ${how} since ${formatTime(presenceSinceMs)}${instead}`);
}

/** The refusal of an API for what came of asking a device. */
export function refusalOf(name: string, error: unknown): unknown {
  const message = messageOf(error);
  switch (codeOf(error)) {
    case 'DeadlineExceeded':
      return timedOut(deviceKind, name, `${message}; what was asked may still be done, or not`);
    case 'TooManyRequests':
      return tooManyRequests(message);
    case 'Unavailable':
      return unavailable(deviceKind, name, message);
    default:
      return error;
  }
}
