//! A vocabulary and a text: encoding and decoding, by the core's tokenizer and by the trainer's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipsqueak::internal::file::{Pieces, Vocabulary};
use pipsqueak::{Error, Tokenizer};
use pipsqueak_trainer::data::encoder::Encoder;

/// The size of the model's vocabulary, and the vocabulary, as a model file has it; the text is the rest.
type Given<'a> = (u16, Vocabulary<'a>);

fuzz_target!(|bytes: &[u8]| {
    let Ok(((vocab, vocabulary), text)) = postcard::take_from_bytes::<Given>(bytes) else { return };
    let Ok(tokenizer) = Tokenizer::new(vocabulary, vocab.into()) else { return };
    if !keeps_borders(&vocabulary) {
        return;
    }
    let text = match str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
    };
    encodes(&tokenizer, text);
    reads(&tokenizer, text);
    trims(&tokenizer, text);
});

/// Whether each atom is text or a single byte, as in every vocabulary that is made or imported: one that holds a part of
/// a character and something else may fit a text without fitting its characters.
fn keeps_borders(vocabulary: &Vocabulary<'_>) -> bool {
    let Pieces::Merges { atoms, .. } = vocabulary.pieces else { return true };
    let mut rest = atoms;
    while let Some((&length, after)) = rest.split_first() {
        let (atom, after) = after.split_at(length.into());
        if length > 1 && str::from_utf8(atom).is_err() {
            return false;
        }
        rest = after;
    }
    true
}

/// A text that is encoded decodes to itself; the trainer agrees on each token, or on the error.
fn encodes(tokenizer: &Tokenizer<'_>, text: &str) {
    let vocabulary = *tokenizer.vocabulary();
    let encoded: Result<Vec<u16>, Error> = tokenizer.encode(text).collect();
    let mut ids = Vec::new();
    let trained = Encoder::new(vocabulary).encode(text, &mut ids, |_| ());
    assert_eq!(encoded, trained.map(|()| ids), "the trainer encodes in another way");
    if let Ok(ids) = encoded {
        assert_eq!(decoded(tokenizer, &ids), with_prefix(tokenizer, text));
    }
}

/// The text that a prompt is read as has tokens for all of its characters, and they are those of the prompt.
fn reads(tokenizer: &Tokenizer<'_>, text: &str) {
    let ids: Vec<u16> = tokenizer.read(text).collect();
    let read = String::from_utf8(decoded(tokenizer, &ids)).expect("a text is read as another one");
    let again: Result<Vec<u16>, Error> = tokenizer.continuation(&read).collect();
    if tokenizer.vocabulary().prefix_space {
        // A space that is put before a text and one that stands there may belong to different words.
        assert!(again.is_ok(), "{read:?} cannot be read");
    } else {
        assert_eq!(again, Ok(ids), "{read:?} is read in another way");
    }
    let unreadable: Vec<char> = tokenizer.unreadable(text).collect();
    assert!(unreadable.iter().all(|&c| text.contains(c)));
    if knows(tokenizer, text) {
        assert_eq!(read.as_bytes(), with_prefix(tokenizer, text), "known characters are left out");
    }
}

/// Whether there are tokens for every character.
fn knows(tokenizer: &Tokenizer<'_>, text: &str) -> bool {
    text.chars().all(|c| tokenizer.continuation(c.encode_utf8(&mut [0; 4])).all(|id| id.is_ok()))
}

/// Nothing but spaces and what is left out is trimmed, where the model knows the space.
fn trims(tokenizer: &Tokenizer<'_>, text: &str) {
    let trimmed = tokenizer.trimmed(text);
    let end = text.strip_prefix(trimmed).expect("a prompt is trimmed at its end");
    if knows(tokenizer, " ") {
        let ids: Vec<u16> = tokenizer.read(end).collect();
        assert!(decoded(tokenizer, &ids).iter().all(|&byte| byte == b' '), "{end:?} is trimmed");
    }
}

fn decoded(tokenizer: &Tokenizer<'_>, ids: &[u16]) -> Vec<u8> {
    ids.iter().flat_map(|&id| tokenizer.decode(id).to_vec()).collect()
}

/// Vocabularies of merges may put a space before a text.
fn with_prefix(tokenizer: &Tokenizer<'_>, text: &str) -> Vec<u8> {
    let vocabulary = tokenizer.vocabulary();
    let prefix = vocabulary.prefix_space && matches!(vocabulary.pieces, Pieces::Merges { .. });
    let space: &[u8] = if prefix && !text.is_empty() { b" " } else { b"" };
    [space, text.as_bytes()].concat()
}
