import type { Refusal } from './format.ts';

/** Thrown where something is found in an image for which it is not taken; the message goes on after its address. */
export class RefusedImage extends Error implements Refusal {
  readonly code: Refusal['code'];

  constructor(code: Refusal['code'], message: string) {
    super(message);
    this.code = code;
  }
}
