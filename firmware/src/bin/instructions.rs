//! Counts the core's instructions on an emulated board, for `cargo xtask bench chips`.
//!
//! The model lies in flash beyond the program, where the emulator puts it, so that one image measures every model. Prints
//! `tokens 64 instructions N` for positions 0 to 63 as a whole, `position P instructions N` for single ones,
//! `prompt LENGTH instructions N` for a prompt up to the logits after it, `product ROWS COLUMNS instructions N` for
//! sixteen products of a matrix, and `end`; or a sentence.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::ops::Range;

use embedded_io::Write;
use pipsqueak::internal::integer::quantize::{quantize, quantized_len};
use pipsqueak::internal::kernels::{prepare, prepared_len};
use pipsqueak::internal::matrix::Matrix;
use pipsqueak::internal::sampler::argmax;
use pipsqueak::internal::{Decoder, Parameter};
use pipsqueak::{Error, Memory, Model, Precision};
use pipsqueak_firmware::boards::{self, ThisBoard};
use pipsqueak_firmware::{Board, Clock};
use static_cell::ConstStaticCell;

const PROMPT: &str = "Once upon a time";
/// Positions that the mean is over, from 0 on.
const POSITIONS: usize = 64;
/// Tokens of a prompt.
const PROMPT_LENGTH: usize = 16;
/// The last position looked at singly.
const LATE_POSITION: usize = 255;
/// Products of a matrix, so that a tick's rounding is small against their sum.
const PRODUCTS: usize = 16;
/// The matrices looked at singly: one of each form that differs in rows or columns.
const MATRICES: [Parameter; 3] = [Parameter::Embedding, Parameter::Output, Parameter::Down];

/// Enough for every model that is measured; how much more does not change a count.
static MEMORY: ConstStaticCell<Memory<640_000>> = ConstStaticCell::new(Memory::new());
static ROOM: ConstStaticCell<Room> = ConstStaticCell::new(Room::NEW);

/// The largest product's columns and rows.
const COLUMNS: usize = 256;
const ROWS: usize = 512;

/// A product's vectors, in f32 and in integers.
struct Room {
    x: [f32; COLUMNS],
    out: [f32; ROWS],
    integer_x: [i32; COLUMNS],
    quantized: Words<{ quantized_len(COLUMNS) }>,
    prepared: [i32; prepared_len(COLUMNS)],
    integer_out: [i32; ROWS],
}

/// int8 vectors are read in words.
#[repr(C, align(4))]
struct Words<const BYTES: usize>([i8; BYTES]);

#[boards::entry]
fn main() -> ! {
    let (board, mut serial) = ThisBoard::start();
    let done = Model::load(boards::model_region()).and_then(|model| {
        count_products(&board, &mut serial, &model)?;
        count_tokens(&board, &mut serial, model)
    });
    // The port can't fail.
    let _ = match done {
        Ok(()) => writeln!(serial, "end"),
        Err(error) => writeln!(serial, "error: {error}."),
    };
    boards::exit(done.is_ok())
}

/// Instructions between two readings of the board's counter.
fn instructions(before: u32, after: u32) -> u64 {
    let Clock::Instructions { per_tick } = ThisBoard::CLOCK else { return 0 };
    u64::from(after.wrapping_sub(before)) * u64::from(per_tick)
}

/// The product of each matrix, with the vector's quantisation and the result's scaling.
fn count_products(board: &ThisBoard, serial: &mut impl Write, model: &Model<'_>) -> Result<(), Error> {
    let room = ROOM.take();
    room.fill();
    for parameter in MATRICES {
        let shape = parameter.shape(model.config());
        let matrix = model.matrix(parameter, 0);
        let before = board.ticks();
        for _ in 0..PRODUCTS {
            room.multiply(&matrix, model.precision(), shape.rows, shape.columns);
        }
        let count = instructions(before, board.ticks());
        let _ = writeln!(serial, "product {} {} instructions {count}", shape.rows, shape.columns);
    }
    Ok(())
}

impl Room {
    const NEW: Room = Room {
        x: [0.0; COLUMNS],
        out: [0.0; ROWS],
        integer_x: [0; COLUMNS],
        quantized: Words([0; quantized_len(COLUMNS)]),
        prepared: [0; prepared_len(COLUMNS)],
        integer_out: [0; ROWS],
    };

    /// Steps of the golden ratio, modulo 1, by 2^-32: magnitudes evenly over -0.5 to 0.5, and never twice the same.
    fn fill(&mut self) {
        for (i, (x, integer_x)) in self.x.iter_mut().zip(&mut self.integer_x).enumerate() {
            let value = (i as u32).wrapping_mul(0x9e37_79b9).cast_signed();
            *x = value as f32 / 4_294_967_296.0;
            *integer_x = value >> 4;
        }
    }

    /// As a step of the decoder does it.
    fn multiply(&mut self, matrix: &Matrix<'_>, precision: Precision, rows: usize, columns: usize) {
        let Some(format) = precision.format() else {
            return matrix.matvec_f32(&mut self.out[..rows], black_box(&self.x[..columns]));
        };
        let quantized = &mut self.quantized.0[..quantized_len(columns)];
        let scale = quantize(quantized, black_box(&self.integer_x[..columns]));
        prepare(format, &mut self.prepared, quantized);
        black_box(scale * matrix.matvec(&mut self.integer_out[..rows], &self.prepared));
    }
}

/// Steps of the whole model, without a printing among those counted.
fn count_tokens(board: &ThisBoard, serial: &mut impl Write, model: Model<'_>) -> Result<(), Error> {
    let context = model.config().context;
    if context < POSITIONS {
        return Ok(());
    }
    let mut writer = Writer::new(model)?;
    let start = board.ticks();
    writer.write(0..POSITIONS - 1)?;
    let before = board.ticks();
    writer.write(POSITIONS - 1..POSITIONS)?;
    let end = board.ticks();
    let (all, last) = (instructions(start, end), instructions(before, end));
    let _ = writeln!(
        serial,
        "tokens {POSITIONS} instructions {all}\nposition {} instructions {last}",
        POSITIONS - 1
    );
    if context <= LATE_POSITION {
        return Ok(());
    }
    writer.write(POSITIONS..LATE_POSITION)?;
    let before = board.ticks();
    writer.write(LATE_POSITION..LATE_POSITION + 1)?;
    let late = instructions(before, board.ticks());
    let _ = writeln!(serial, "position {LATE_POSITION} instructions {late}");
    let before = board.ticks();
    writer.read()?;
    let read = instructions(before, board.ticks());
    let _ = writeln!(serial, "prompt {PROMPT_LENGTH} instructions {read}");
    Ok(())
}

/// Goes on from the prompt with the likeliest tokens.
struct Writer<'a, 'm> {
    decoder: Decoder<'a, 'm>,
    prompt: &'m mut [u16],
    token: u16,
}

impl<'a> Writer<'a, 'static> {
    fn new(model: Model<'a>) -> Result<Self, Error> {
        let tokenizer = *model.tokenizer();
        let (decoder, prompt) = Decoder::new(model, MEMORY.take().buffers())?;
        let mut length = 0;
        let mut push = |token| {
            prompt[length] = token;
            length += 1;
        };
        tokenizer.vocabulary().begin.into_iter().for_each(&mut push);
        for token in tokenizer.encode(PROMPT) {
            push(token?);
        }
        let token = prompt[0];
        Ok(Writer { decoder, prompt: &mut prompt[..length], token })
    }

    fn write(&mut self, positions: Range<usize>) -> Result<(), Error> {
        for position in positions {
            self.decoder.forward(self.token, position)?;
            let likeliest = argmax(self.decoder.logits());
            self.token = self.prompt.get(position + 1).copied().unwrap_or(likeliest);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Error> {
        self.decoder.prefill(&[self.token; PROMPT_LENGTH - 1], 0)?;
        self.decoder.forward(self.token, PROMPT_LENGTH - 1)
    }
}
