//! The page's engine: the core and the trainer's library, called by a worker a step at a time.
//!
//! A request is JSON with bytes behind it, and so is its answer. [`Engine::answer`] is the whole of it; the exported functions
//! only carry memory between the worker and the engine: [`input`] makes room for a request, [`call`] answers it, and
//! [`output`], [`output_len`] and [`output_json_len`] say where the answer lies.

mod board;
mod engine;
mod run;
mod shape;
mod view;

use std::sync::Mutex;

pub use engine::{Answer, Engine, Request};

/// The engine, and the memory through which the worker reaches it.
struct Exchange {
    engine: Engine,
    input: Vec<u8>,
    output: Vec<u8>,
    json_len: usize,
}

static EXCHANGE: Mutex<Exchange> =
    Mutex::new(Exchange { engine: Engine::new(), input: Vec::new(), output: Vec::new(), json_len: 0 });

fn with<R>(work: impl FnOnce(&mut Exchange) -> R) -> R {
    work(&mut EXCHANGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Makes room for a request of `len` bytes, and returns where to write it.
#[allow(unsafe_code)] // The name is exported; nothing else in the page has it.
#[unsafe(no_mangle)]
pub extern "C" fn input(len: usize) -> *mut u8 {
    with(|exchange| {
        exchange.input.clear();
        exchange.input.resize(len, 0);
        exchange.input.as_mut_ptr()
    })
}

/// Answers the request, whose first `json_len` bytes are JSON. Returns 1 if the answer is a refusal, a sentence; else 0.
#[allow(unsafe_code)] // As above.
#[unsafe(no_mangle)]
pub extern "C" fn call(json_len: usize) -> u32 {
    with(|exchange| {
        let input = std::mem::take(&mut exchange.input);
        let (json, bytes) = input.split_at(json_len.min(input.len()));
        let answered = exchange.engine.answer_json(json, bytes);
        let refused = answered.is_err();
        let Answer { json, bytes } =
            answered.unwrap_or_else(|error| Answer::of_json(format!("{error:#}").into()));
        let json = json.to_string();
        exchange.json_len = json.len();
        exchange.output = [json.as_bytes(), &bytes].concat();
        refused.into()
    })
}

/// Where the answer lies.
#[allow(unsafe_code)] // As above.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    with(|exchange| exchange.output.as_ptr())
}

/// Length of the answer in bytes.
#[allow(unsafe_code)] // As above.
#[unsafe(no_mangle)]
pub extern "C" fn output_len() -> usize {
    with(|exchange| exchange.output.len())
}

/// Length of the JSON that the answer begins with, in bytes.
#[allow(unsafe_code)] // As above.
#[unsafe(no_mangle)]
pub extern "C" fn output_json_len() -> usize {
    with(|exchange| exchange.json_len)
}
