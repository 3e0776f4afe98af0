//! A model file: loading it, and generating from whatever loads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipsqueak::internal::file::{File, Golden, checksum};
use pipsqueak::{Buffers, Generator, Model, memory_bytes};
use pipsqueak_trainer::export::model_file::ModelFile;

/// The largest memory to run a model in, in bytes: a larger one is refused, as by a board.
const MEMORY_MAX: usize = 64 << 10;

fuzz_target!(|bytes: &[u8]| {
    let file = ModelFile::from_bytes(&mended(bytes));
    if let Ok(model) = file.model() {
        let needs = model.config().memory_bytes(model.precision());
        assert_eq!(memory_bytes(file.bytes()), Ok(needs), "the compiler reads another shape than the chip");
        if needs <= MEMORY_MAX {
            generate(model, &mut vec![0; needs + 3]);
        }
    }
});

/// The file's contents with the checksum that fits, so that not only the checksum is tested.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let contents = match postcard::take_from_bytes::<File>(bytes) {
        Ok((_, rest)) => &bytes[..bytes.len() - rest.len()],
        Err(_) => bytes,
    };
    [contents, &checksum(contents).to_le_bytes()].concat()
}

fn generate(model: Model<'_>, memory: &mut [u8]) {
    let mut generator = Generator::new(model, Buffers::from(memory)).expect("the memory is large enough");
    generator.start("It\u{2019}s a \u{1f42d}", Golden::SAMPLING, 7).expect("the settings are in range");
    let tokens = (0..12).take_while(|_| generator.next_piece().is_some()).count();
    assert!(generator.tokens() as usize >= tokens);
    _ = generator.append("a");
    _ = generator.self_test();
}
