//! Features that the processor has and the operating system saves: the bits of CPUID and XCR0, from Intel's Software Developer's
//! Manual (volume 1, chapters 13 to 15).

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// XCR0's bits of the registers that AVX and AVX-512 need.
const AVX_STATE: u64 = 0b110;
const AVX_512_STATE: u64 = 0b1110_0110;

/// Leaf 7's bits in EBX and ECX.
const AVX2: u32 = 1 << 5;
const AVX_512_F_BW_VL: u32 = 1 << 16 | 1 << 30 | 1 << 31;
const AVX_512_VNNI: u32 = 1 << 11;

pub(super) fn avx2() -> bool {
    let [ebx, _] = leaf_7();
    ebx & AVX2 != 0 && keeps(AVX_STATE)
}

pub(super) fn avx512() -> bool {
    let [ebx, ecx] = leaf_7();
    avx2() && ebx & AVX_512_F_BW_VL == AVX_512_F_BW_VL && ecx & AVX_512_VNNI != 0 && keeps(AVX_512_STATE)
}

/// EBX and ECX; nothing where there is no such leaf, and under Miri, which has no CPUID.
#[allow(unused_unsafe)] // CPUID is safe to call from Rust 1.94 on
fn leaf_7() -> [u32; 2] {
    // SAFETY: every x86-64 has CPUID.
    if cfg!(miri) || unsafe { __cpuid(0) }.eax < 7 {
        return [0; 2];
    }
    // SAFETY: as above.
    let leaf = unsafe { __cpuid_count(7, 0) };
    [leaf.ebx, leaf.ecx]
}

/// Whether the operating system saves the registers of these `bits`.
#[allow(unused_unsafe)]
fn keeps(bits: u64) -> bool {
    const OSXSAVE: u32 = 1 << 27;
    // SAFETY: every x86-64 has CPUID; with OSXSAVE set it has XGETBV.
    unsafe { __cpuid(1).ecx & OSXSAVE != 0 && xcr0() & bits == bits }
}

#[target_feature(enable = "xsave")]
fn xcr0() -> u64 {
    // SAFETY: the caller has seen that the instruction exists.
    unsafe { _xgetbv(0) }
}
