//! Flash beyond the program, where a model lies that is not linked in.

// The linker script of each board defines these; only their addresses mean something.
unsafe extern "C" {
    static _model_start: u8;
    static _model_end: u8;
}

/// The whole region; what lies behind the model in it means nothing.
pub fn model_region() -> &'static [u8] {
    let start = &raw const _model_start;
    let length = (&raw const _model_end).addr() - start.addr();
    // SAFETY: the region is memory of the board from end to end, the program's own sections end below it, and nothing
    // writes to it while the program runs.
    unsafe { core::slice::from_raw_parts(start, length) }
}
