//! A text or pairs to learn from: reading, cleaning, dividing, making a vocabulary, encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipsqueak::Error;
use pipsqueak_trainer::data::material::Material;
use pipsqueak_trainer::data::text::{Change, Corpus, Documents, Reading, utf8};
use pipsqueak_trainer::data::vocabulary::{self, OwnedVocabulary, Tokens};
use pipsqueak_trainer::data::{clean, pairs};

const CONTEXT: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[choice, size], text)) = bytes.split_first_chunk() else { return };
    let Ok(text) = utf8(text.to_vec(), "text") else { return };
    let tokens =
        [Tokens::Bytes, Tokens::Characters, Tokens::Bpe, Tokens::Bpe][usize::from((choice >> 4) & 3)];
    let material = if choice & 0x80 == 0 { of_text(text, reading(choice)) } else { of_pairs(text) };
    let Some(material) = material else { return };
    if let Ok(vocabulary) = OwnedVocabulary::of_corpus(&material.corpus, tokens, 2 * usize::from(size), &()) {
        check(&vocabulary, &material.corpus);
        _ = material.encode(&vocabulary, CONTEXT, &());
    }
});

fn reading(choice: u8) -> Reading {
    let documents = [Documents::Auto, Documents::Marker, Documents::BlankLines, Documents::None];
    Reading {
        documents: documents[usize::from(choice & 3)],
        joins_lines: choice & 4 != 0,
        leaves_out_library_text: choice & 8 != 0,
    }
}

fn of_text(text: String, reading: Reading) -> Option<Material> {
    let plain = clean::plain(text.clone());
    let corpus = Corpus::from_file(text, "text", reading).ok()?;
    if let [Change::Lines { .. }] = corpus.changes[..]
        && reading.documents == Documents::None
    {
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let joined: String = corpus.documents().collect();
        assert_eq!(letters(&joined), letters(&plain), "joining lines has changed words");
    }
    Material::of_text(corpus, 0.2).ok()
}

fn of_pairs(text: String) -> Option<Material> {
    let pairs = pairs::from_text(text, "pairs").ok()?;
    let count = pairs.len();
    let material = Material::of_pairs(pairs, "pairs", 0.2, 1).expect("pairs that are read have a text");
    let (learned, kept) = material.pairs().expect("they are pairs");
    assert_eq!(learned + kept.len(), count, "a pair is lost");
    Some(material)
}

/// The vocabulary of a corpus encodes it as the core does, and so that it decodes to the same text.
fn check(vocabulary: &OwnedVocabulary, corpus: &Corpus) {
    let tokenizer = vocabulary.tokenizer().expect("the core takes the vocabulary of a corpus");
    let ids = vocabulary::encode(&tokenizer, corpus).expect("its own characters have tokens");
    let decoded: Vec<u8> = ids.iter().flat_map(|&id| tokenizer.decode(id).to_vec()).collect();
    let text: String = corpus.documents().collect();
    assert_eq!(decoded, text.into_bytes());
    let words: Vec<u16> = ids.into_iter().filter(|&id| usize::from(id) < tokenizer.pieces()).collect();
    let core: Result<Vec<u16>, Error> = corpus.documents().flat_map(|text| tokenizer.encode(text)).collect();
    assert_eq!(core, Ok(words), "the core encodes in another way");
}
