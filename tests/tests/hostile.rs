//! Damaged and hostile model files: refused in words, or run without a panic.

use pipsqueak::internal::SplitMix64;
use pipsqueak::internal::file::{CRC, File, checksum};
use pipsqueak::{Generator, Model, Precision, Sampling};
use pipsqueak_tests::{SMALL, random_model, shapes};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::ModelFile;
use rand_core::Rng;

#[test]
fn every_truncation_is_refused() {
    let whole = random_model(&SMALL, Precision::Int8);
    let bytes = whole.bytes();
    for length in
        (0..bytes.len()).filter(|length| *length < 400 || length % 97 == 0 || bytes.len() - length < 400)
    {
        let cut = ModelFile::from_bytes(&bytes[..length]);
        assert!(cut.model().is_err(), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = random_model(&SMALL, Precision::Int8);
    let mut bytes = whole.bytes().to_vec();
    let mut random = SplitMix64::new(1);
    for i in 0..2000 {
        let place = if i < 400 { i } else { random.next_u32() as usize % bytes.len() };
        let bit = 1 << (random.next_u32() % 8);
        bytes[place] ^= bit;
        assert!(ModelFile::from_bytes(&bytes).model().is_err(), "bit {bit:#x} of byte {place}");
        bytes[place] ^= bit;
    }
}

/// Somebody who makes the checksum fit again can change anything; the core must then refuse it or run it.
#[test]
fn a_forged_file_never_panics() {
    let mut ran = 0;
    for (_, config) in shapes() {
        for precision in [Precision::Int8, Precision::F32] {
            let whole = random_model(&config, precision);
            let mut random = SplitMix64::new(2);
            for _ in 0..700 {
                let forged = forge(whole.bytes(), &mut random);
                ran += u32::from(forged.model().is_ok_and(|model| run(model)));
            }
        }
    }
    assert!(ran > 100, "only {ran} forged files got as far as to run");
}

/// Changes a few bytes, most of them near the beginning, where the shape is; and makes the checksum fit.
fn forge(bytes: &[u8], random: &mut SplitMix64) -> ModelFile {
    let mut bytes = bytes[..bytes.len() - 4].to_vec();
    for _ in 0..=random.next_u32() % 3 {
        let near = [60, 300, bytes.len()][random.next_u32() as usize % 3];
        let place = random.next_u32() as usize % near.min(bytes.len());
        bytes[place] = random.next_u32() as u8;
    }
    bytes.extend(checksum(&bytes).to_le_bytes());
    ModelFile::from_bytes(&bytes)
}

/// Whether a text came of it. Shapes that would take the PC's memory are left alone.
fn run(model: Model<'_>) -> bool {
    if model.config().memory_bytes(model.precision()) > 1 << 26 {
        return false;
    }
    let mut memory = OwnedMemory::of(&model);
    let Ok(mut generator) = Generator::new(model, memory.buffers()) else { return false };
    let sampling = Sampling { top_p: 0.9, repetition_penalty: 1.2, ..Sampling::default() };
    if generator.start("Once upon a time there was a mouse", sampling, 1).is_err() {
        return false;
    }
    for _ in 0..60 {
        generator.next_piece();
    }
    true
}

#[test]
fn another_version_or_feature_is_refused_by_name() {
    let whole = random_model(&SMALL, Precision::Int8);
    let refusal = |change: &dyn Fn(&mut File<'_>)| {
        let mut file: File<'_> = postcard::from_bytes_crc32(whole.bytes(), CRC.digest()).unwrap();
        change(&mut file);
        let bytes = postcard::to_allocvec_crc32(&file, CRC.digest()).unwrap();
        ModelFile::from_bytes(&bytes).model().unwrap_err().to_string()
    };
    assert!(refusal(&|file| file.header.version = 9).contains("version 9"));
    assert!(refusal(&|file| file.header.features = 1 << 20).contains("feature 20"));
    assert!(refusal(&|file| file.header.magic = *b"GGUF").contains("not a Pipsqueak model"));
    assert!(refusal(&|file| file.config.width = 33).contains("width is 33"));
}

#[test]
fn a_memory_too_small_is_refused() {
    let (small, large) = (random_model(&SMALL, Precision::Int8), pipsqueak::Config { context: 49, ..SMALL });
    let large = random_model(&large, Precision::Int8);
    let mut memory = OwnedMemory::with_lanes(&small.model().unwrap(), 1);
    let refusal = Generator::new(large.model().unwrap(), memory.buffers()).err().unwrap().to_string();
    assert!(refusal.contains("bytes of memory, and there are"), "{refusal}");
}
