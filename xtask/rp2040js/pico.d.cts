/** A Raspberry Pi Pico: see pico.cjs. */
export class Pico {
  constructor(onByte: (byte: number) => void);
  write(address: number, bytes: Uint8Array): void;
  writeUf2(file: Uint8Array): void;
  boot(): void;
  type(bytes: Iterable<number>): void;
  watchLed(onLed: (lit: boolean) => void): void;
  readonly nanos: number;
  run(instructions: number): boolean;
}
