//! Counts of other programs on the same emulated chips, taken the same way; the best of gcc 12 and clang 16.

use crate::board::Board;

/// Figures for one chip.
pub(super) struct Rivals {
    /// llama2.c with stories260K in f32, instructions a token, mean over positions 0 to 63.
    pub(super) llama2c_f32: u64,
    /// The same with its int8 weights in groups of 64.
    pub(super) llama2c_int8: u64,
    /// CMSIS-NN, instructions a multiply-accumulate, at [`super::SHAPES`].
    pub(super) cmsis_int8: [f64; 4],
    /// The same with int4 weights.
    pub(super) cmsis_int4: [f64; 4],
}

/// None for a chip that nobody has measured.
pub(super) fn rivals(board: Board) -> Option<Rivals> {
    let dsp = ([2.67, 2.18, 2.65, 2.07], [4.82, 4.38, 4.80, 4.30]);
    let (llama2c_f32, llama2c_int8, (cmsis_int8, cmsis_int4)) = match board {
        Board::Mps2An385M0 => (62_451_553, 16_514_550, ([7.60, 6.62, 7.52, 6.39], [9.25, 8.23, 9.22, 8.02])),
        Board::Mps2An385 => (29_152_761, 7_859_334, ([3.98, 3.60, 3.92, 3.49], [4.92, 4.47, 4.90, 4.37])),
        Board::Mps2An386 => (1_701_090, 1_980_311, dsp),
        Board::Mps2An505 => (1_694_075, 1_932_978, dsp),
        _ => return None,
    };
    Some(Rivals { llama2c_f32, llama2c_int8, cmsis_int8, cmsis_int4 })
}

/// Multiplying and adding alone, in instructions a multiply-accumulate: what no integer kernel that loads its weights
/// can reach.
pub(super) fn bound(board: Board) -> f64 {
    match board {
        // `smlad` multiplies and adds twice.
        Board::Mps2An386 | Board::Mps2An505 => 0.5,
        // `mla`; or one multiplication and one addition for two products that share a word.
        _ => 1.0,
    }
}
