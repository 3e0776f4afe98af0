//! Instructions and errors of the functions that an f32 model needs, by three hands: `micromath`, `libm` and the core. For an emulated
//! board, whose ticks count instructions; docs/numerics.md has the command.
#![no_std]
#![no_main]

use core::hint::black_box;

use micromath::F32Ext;
use pipsqueak::internal::math;
use pipsqueak_firmware::boards::{self, ThisBoard};
use pipsqueak_firmware::{Board, Clock};
use semihosting::println;

/// Arguments of each function.
const POINTS: u32 = 1000;

#[boards::entry]
fn main() -> ! {
    let (board, _) = ThisBoard::start();
    let Clock::Instructions { per_tick } = ThisBoard::CLOCK else { boards::exit(false) };
    println!(
        "{}: function, from, to; then of micromath, libm and the core: instructions, largest error",
        ThisBoard::NAME
    );
    let count = |f: fn(f32) -> f32, [from, to]: [f32; 2]| {
        let before = board.ticks();
        for i in 0..POINTS {
            black_box(f(black_box(point(i, from, to))));
        }
        board.ticks().wrapping_sub(before) * per_tick / POINTS
    };
    for Function { name, domain, by, exact, is_relative } in FUNCTIONS {
        let empty = count(|x| x, domain);
        let [from, to] = domain;
        let errors = by.map(|f| error(f, exact, domain, is_relative));
        let counts = by.map(|f| count(f, domain) - empty);
        println!(
            "{name}, {from}, {to}: {} {:e}, {} {:e}, {} {:e}",
            counts[0], errors[0], counts[1], errors[1], counts[2], errors[2]
        );
    }
    println!("hash of micromath's results: {:08x}", hash());
    boards::exit(true)
}

struct Function {
    name: &'static str,
    domain: [f32; 2],
    /// micromath's, libm's and the core's.
    by: [fn(f32) -> f32; 3],
    exact: fn(f64) -> f64,
    is_relative: bool,
}

const FUNCTIONS: [Function; 4] = [
    Function {
        name: "exp",
        domain: [-20.0, 0.0],
        by: [F32Ext::exp, libm::expf, math::exp],
        exact: libm::exp,
        is_relative: true,
    },
    Function {
        name: "ln",
        domain: [0.001, 1000.0],
        by: [F32Ext::ln, libm::logf, math::ln],
        exact: libm::log,
        is_relative: false,
    },
    Function {
        name: "sqrt",
        domain: [0.001, 1000.0],
        by: [F32Ext::sqrt, libm::sqrtf, math::sqrt],
        exact: libm::sqrt,
        is_relative: true,
    },
    Function {
        name: "sin",
        domain: [-100.0, 100.0],
        by: [F32Ext::sin, libm::sinf, |x| <f32 as math::Float>::sin_cos(x)[0]],
        exact: libm::sin,
        is_relative: false,
    },
];

fn point(i: u32, from: f32, to: f32) -> f32 {
    from + (to - from) * (i as f32 / (POINTS - 1) as f32)
}

fn error(f: fn(f32) -> f32, exact: fn(f64) -> f64, [from, to]: [f32; 2], is_relative: bool) -> f64 {
    let mut worst = 0.0;
    for i in (0..POINTS).step_by(4) {
        let x = point(i, from, to);
        let wanted = exact(x.into());
        let error = libm::fabs(f64::from(f(x)) - wanted);
        worst = libm::fmax(worst, if is_relative { error / wanted } else { error });
    }
    worst
}

/// FNV-1a over the bits of micromath's results, for another machine to compare.
fn hash() -> u32 {
    let mut hash = 0x811c_9dc5u32;
    for Function { by: [micromath, ..], domain: [from, to], .. } in FUNCTIONS {
        for i in 0..POINTS {
            hash = (hash ^ micromath(point(i, from, to)).to_bits()).wrapping_mul(0x0100_0193);
        }
    }
    hash
}
