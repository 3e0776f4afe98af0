//! What is known of the model while the program is compiled.
//!
//! A program for a chip that is built with PIPSQUEAK_MODEL, the absolute path of a model file, is for that model alone
//! (`cfg(one_model)`, from build.rs). The file is part of this crate then, read and checked by the compiler, and [`Model`] and
//! [`Tokenizer`] are nothing but references to it. So the compiler knows each choice of the model's, and leaves out what
//! only other models need: number formats, norms, activations, and all that reads and checks a file.
//!
//! Everywhere else nothing is known, and the functions here return what they are given.
//!
//! [`Model`]: crate::Model
//! [`Tokenizer`]: crate::Tokenizer

use crate::config::Norm;
use crate::packing::Format;
#[cfg(one_model)]
use crate::{
    file::{Aligned, File},
    reader,
};

#[cfg(one_model)]
const BYTES: &[u8] = include_bytes!(env!("PIPSQUEAK_MODEL"));

/// The file, where it lies in flash.
#[cfg(one_model)]
pub(crate) static FILE: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(env!("PIPSQUEAK_MODEL")));

/// Its contents and its length, checked but for the vocabulary.
#[cfg(one_model)]
#[allow(long_running_const_eval)]
pub(crate) static CONTENTS: (File<'static>, usize) = match reader::whole(&FILE.0) {
    Ok(contents) => contents,
    Err(error) => panic!("{}", error.sentence().as_str()),
};

/// Whether the model may be one that computes in f32.
pub(crate) const fn may_be_float() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.precision.format().is_none();
    #[cfg(not(one_model))]
    true
}

/// Whether the model may be one that computes in integers.
pub(crate) const fn may_be_integer() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.precision.format().is_some();
    #[cfg(not(one_model))]
    true
}

/// The format of the model's packed weights.
#[inline(always)]
pub(crate) const fn format(given: Format) -> Format {
    #[cfg(one_model)]
    if let Some(format) = CONTENTS.0.precision.format() {
        return format;
    }
    given
}

/// The kind of the model's norms.
#[inline(always)]
pub(crate) const fn norm(given: Norm) -> Norm {
    #[cfg(one_model)]
    return CONTENTS.0.config.norm;
    #[cfg(not(one_model))]
    given
}
