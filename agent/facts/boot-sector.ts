/**
 * A boot sector that takes the CPU into 64-bit mode, runs 2^26 rounds of a loop there and tells QEMU's
 * `isa-debug-exit` device the result: only if every step worked does QEMU exit with `BOOT_SECTOR_EXIT_CODE`.
 *
 * The loop is there because a few instructions prove nothing: there are hosts whose KVM emulates privileged
 * code an instruction at a time, get through those, and never get a kernel through its boot. A CPU takes less
 * than 0.1 s for the loop, TCG 0.2 s, such an emulation many minutes.
 *
 * Each line is one instruction in hexadecimal, with the address that the BIOS loads it to (0x7c00 on) and its
 * assembly. Source: Intel SDM volume 3, on 4-level paging and on initializing IA-32e mode.
 */
const LISTING: readonly string[] = [
  // 16-bit real mode. Flat segments, no interrupts.
  'fa', //             7c00  cli
  '31c0', //           7c01  xor ax, ax
  '8ed8', //           7c03  mov ds, ax
  '8ec0', //           7c05  mov es, ax
  '8ed0', //           7c07  mov ss, ax
  // Page tables at 0x1000 to 0x3fff, zeroed; then one 2 MiB page that maps the lowest memory to itself.
  'fc', //             7c09  cld
  'bf0010', //         7c0a  mov di, 0x1000
  'b90018', //         7c0d  mov cx, 0x1800
  'f3ab', //           7c10  rep stosw
  'c70600100320', //   7c12  mov word [0x1000], 0x2003   PML4[0] = 0x2000, present, writable
  'c70600200330', //   7c18  mov word [0x2000], 0x3003   PDPT[0] = 0x3000, present, writable
  'c70600308300', //   7c1e  mov word [0x3000], 0x0083   PD[0] = 0, present, writable, 2 MiB
  // Into protected mode.
  '0f0116c07c', //     7c24  lgdt [0x7cc0]
  '0f20c0', //         7c29  mov eax, cr0
  '0c01', //           7c2c  or al, 1                    PE
  '0f22c0', //         7c2e  mov cr0, eax
  'ea367c0800', //     7c31  jmp 0x08:0x7c36
  // 32-bit protected mode.
  '66b81000', //       7c36  mov ax, 0x10
  '8ed8', //           7c3a  mov ds, ax
  '8ec0', //           7c3c  mov es, ax
  '8ed0', //           7c3e  mov ss, ax
  '8ee0', //           7c40  mov fs, ax
  '8ee8', //           7c42  mov gs, ax
  '0f20e0', //         7c44  mov eax, cr4
  '0c20', //           7c47  or al, 0x20                 PAE
  '0f22e0', //         7c49  mov cr4, eax
  'b800100000', //     7c4c  mov eax, 0x1000
  '0f22d8', //         7c51  mov cr3, eax
  'b9800000c0', //     7c54  mov ecx, 0xc0000080         EFER
  '0f32', //           7c59  rdmsr
  '80cc01', //         7c5b  or ah, 1                    LME
  '0f30', //           7c5e  wrmsr
  '0f20c0', //         7c60  mov eax, cr0
  '0d00000080', //     7c63  or eax, 0x80000000          PG
  '0f22c0', //         7c68  mov cr0, eax
  'ea727c00001800', // 7c6b  jmp 0x18:0x7c72
  // 64-bit mode. Without REX.W (the 48, 49 and 4d) each of these would come to something else.
  'b8ffffffff', //     7c72  mov eax, 0xffffffff
  '4883c001', //       7c77  add rax, 1                  2^32
  '48c1e806', //       7c7b  shr rax, 6                  2^26
  '4889c1', //         7c7f  mov rcx, rax
  '4d31c0', //         7c82  xor r8, r8
  '4901c8', //         7c85  add r8, rcx                 the sum of 1 to 2^26: 2^51 + 2^25
  '48ffc9', //         7c88  dec rcx
  '75f8', //           7c8b  jnz 0x7c85
  '49c1e833', //       7c8d  shr r8, 51                  1
  '418d4029', //       7c91  lea eax, [r8 + 0x29]        0x2a
  'e6f4', //           7c95  out 0xf4, al
  'f4', //             7c97  hlt
  'ebfd', //           7c98  jmp 0x7c97
  '90'.repeat(6), //   7c9a  nop, up to a multiple of 8
  // The global descriptor table: 4 GiB from 0 each (the same, on segment descriptors).
  '0000000000000000', // 7ca0  none
  'ffff0000009acf00', // 7ca8  0x08: code, 32-bit
  'ffff00000092cf00', // 7cb0  0x10: data
  'ffff0000009aaf00', // 7cb8  0x18: code, 64-bit
  '1f00a07c0000', //     7cc0  its last byte and its address, for lgdt
];

const SECTOR_BYTES = 512;

/** The port that the boot sector writes its result to. */
export const BOOT_SECTOR_PORT = 0xf4;

/** `isa-debug-exit` exits with twice the value written to it, plus 1. */
export const BOOT_SECTOR_EXIT_CODE = 0x2a * 2 + 1;

/** The sector as it lies on a disk, ending in the BIOS's signature. */
export function bootSector(): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  Buffer.from(LISTING.join(''), 'hex').copy(sector);
  sector.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
  return sector;
}
