//! A model that is part of the program, with the memory it runs in.

use core::mem::MaybeUninit;

use crate::Error;
use crate::generator::Generator;
use crate::memory::Buffers;
use crate::model::Model;
use crate::reader;

pub use crate::file::Aligned;
pub use crate::kernels::Claim;

/// Puts a model file into the program, and a static memory of just the size it needs: an expression of the type
/// `&'static` [`Embedded`].
///
/// The path is relative to the source file, as with `include_bytes!`. A file that can't be read (no model, another
/// version, damaged, a shape that makes no sense) is refused when the program is compiled, in a sentence. The compiler takes
/// about a second for 200 KiB to check it.
///
/// ```
/// use pipsqueak::{Embedded, Sampling};
///
/// static STORIES: &Embedded = pipsqueak::include_model!("../models/tiny.pip");
///
/// # fn main() -> Result<(), pipsqueak::Error> {
/// let generator = STORIES.generator()?;
/// generator.start("Once upon a time", Sampling::default(), 42)?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! include_model {
    ($path:expr $(,)?) => {{
        const BYTES: &[u8] = ::core::include_bytes!($path);
        #[allow(long_running_const_eval)]
        const MEMORY_BYTES: usize = $crate::internal::embedded::checked_memory_bytes(BYTES);
        static FILE: $crate::internal::embedded::Aligned<[u8; BYTES.len()]> =
            $crate::internal::embedded::Aligned(*::core::include_bytes!($path));
        static ROOM: $crate::internal::embedded::Claim<$crate::internal::embedded::Room<[u8; MEMORY_BYTES]>> =
            $crate::internal::embedded::Claim::new($crate::internal::embedded::Room::new());
        static MODEL: $crate::Embedded =
            $crate::Embedded::new($crate::internal::embedded::placed(&FILE.0), &ROOM);
        &MODEL
    }};
}

/// The statics that a model runs in: its generator and its memory.
pub struct Room<T: ?Sized> {
    generator: MaybeUninit<Generator<'static, 'static>>,
    memory: Aligned<T>,
}

impl<const BYTES: usize> Room<[u8; BYTES]> {
    /// All zero or nothing, so that a static lies in `.bss`.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Room { generator: MaybeUninit::uninit(), memory: Aligned([0; BYTES]) }
    }
}

/// As [`memory_bytes`](crate::memory_bytes); what is wrong with the file stops the compiler.
pub const fn checked_memory_bytes(file: &[u8]) -> usize {
    match reader::whole(file) {
        Ok((file, _)) => file.config.memory_bytes(file.precision),
        Err(error) => panic!("{}", error.sentence().as_str()),
    }
}

/// The place in flash of a model file that is part of the program.
#[cfg(not(one_model))]
pub const fn placed(file: &'static [u8]) -> &'static [u8] {
    file
}

/// The place in flash of the one model file of the program, which this crate has brought: so there is one copy.
#[cfg(one_model)]
pub const fn placed(file: &'static [u8]) -> &'static [u8] {
    let only: &[u8] = &crate::known::FILE.0;
    // Both files have been checked against their checksums, which are their last bytes.
    let same = file.len() == only.len()
        && match (file.last_chunk::<4>(), only.last_chunk::<4>()) {
            (Some(a), Some(b)) => u32::from_le_bytes(*a) == u32::from_le_bytes(*b),
            _ => false,
        };
    assert!(same, "PIPSQUEAK_MODEL names one model, and include_model! another; name the same, or unset it");
    only
}

/// A model that is part of the program, from [`include_model!`].
pub struct Embedded {
    file: &'static [u8],
    room: &'static Claim<Room<[u8]>>,
}

impl Embedded {
    #[doc(hidden)]
    pub const fn new(file: &'static [u8], room: &'static Claim<Room<[u8]>>) -> Self {
        Embedded { file, room }
    }

    /// The model, to look at.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let model = pipsqueak::include_model!("../models/tiny.pip").model()?;
    /// assert_eq!(model.config().vocab, 256);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Only if flash is damaged: the compiler has checked the file.
    pub fn model(&self) -> Result<Model<'static>, Error> {
        Model::load(self.file)
    }

    /// The model, ready to generate, in a static of its own. There is one memory, and so one generator.
    ///
    /// # Errors
    /// [`Error::MemoryTaken`] for every call but the first.
    // Not inlined: loading takes stack that generating can have.
    #[inline(never)]
    pub fn generator(&self) -> Result<&'static mut Generator<'static, 'static>, Error> {
        let model = self.model()?;
        let room = self.room.claim().ok_or(Error::MemoryTaken)?;
        let buffers = Buffers::from(&mut room.memory.0);
        buffers.check(model.config().memory_bytes(model.precision()))?;
        Ok(room.generator.write(Generator::lay_out(model, buffers)))
    }
}
