//! A model that is part of the program, with the memory it runs in.

pub(crate) mod reader;

use core::mem::MaybeUninit;

use crate::Error;
use crate::file::ALIGNMENT;
use crate::generator::Generator;
use crate::memory::Buffers;
use crate::model::Model;

pub use crate::kernels::Claim;
pub use reader::memory_bytes;

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
        static MODEL: $crate::Embedded = $crate::Embedded::new(&FILE.0, &ROOM);
        &MODEL
    }};
}

/// Bytes on the boundary that a model file needs; more than a memory does.
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

const _: () = assert!(align_of::<Aligned<u8>>() == ALIGNMENT);

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

/// As [`memory_bytes`]; what is wrong with the file stops the compiler.
pub const fn checked_memory_bytes(file: &[u8]) -> usize {
    match reader::checked_memory_bytes(file) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{}", error.sentence().as_str()),
    }
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
        let generator = Generator::new(model, Buffers::from(&mut room.memory.0))?;
        Ok(room.generator.write(generator))
    }
}
