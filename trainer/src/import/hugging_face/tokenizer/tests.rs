use serde_json::{Value, json};

use super::*;

/// Five characters as bytes, with a special behind them and the merges of `aa`, `aab` and `b `.
fn small() -> Value {
    json!({
        "added_tokens": [{"id": 0, "content": "<end>"}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
        "post_processor": null,
        "model": {
            "type": "BPE",
            "vocab": {"<end>": 0, "Ġ": 1, "b": 2, "a": 3, "aab": 4, "aa": 5, "never": 6, "bĠ": 7},
            "merges": ["a a", ["aa", "b"], "b Ġ"],
        },
    })
}

fn changed(path: &str, value: Value) -> String {
    let mut json = small();
    match json.pointer_mut(path) {
        Some(place) => *place = value,
        None => {
            let (parent, key) = path.rsplit_once('/').unwrap();
            json.pointer_mut(parent).unwrap()[key] = value;
        }
    }
    json.to_string()
}

fn refusal(text: &str) -> String {
    of_json(text, 9, None).unwrap_err().to_string()
}

#[test]
fn ids_are_put_in_the_order_of_a_model_file() {
    let tokenizer = of_json(&small().to_string(), 9, Some(0)).unwrap();
    assert_eq!(tokenizer.original_ids, [1, 2, 3, 5, 4, 7, 0, 6, 8], "the spare id, too");
    assert_eq!((tokenizer.vocabulary.begin, tokenizer.vocabulary.end), (None, Some(6)));
    let core = tokenizer.vocabulary.tokenizer().unwrap();
    let ids: Vec<u16> = core.encode("aaab aab").map(Result::unwrap).collect();
    assert_eq!(ids, [3, 2, 1, 0, 4], "aa, a, b, space, aab");
    assert_eq!(tokenizer.remarks, ["1 pieces that its merges never make are kept as ids without a text"]);
}

#[test]
fn a_special_before_every_text_begins_it() {
    let template =
        json!({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<end>", "type_id": 0}}]});
    let json = changed("/post_processor", template);
    assert_eq!(of_json(&json, 9, None).unwrap().vocabulary.begin, Some(6));
}

#[test]
fn what_is_not_supported_is_named() {
    let nfc = json!({"type": "NFC"});
    let regex = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
    ]});
    for (path, value, expected) in [
        (
            "/model/type",
            json!("Unigram"),
            "model.type is \"Unigram\", which is not supported; it must be \"BPE\"",
        ),
        ("/model/dropout", json!(0.1), "dropout is 0.1, which is not supported"),
        (
            "/model/end_of_word_suffix",
            json!("</w>"),
            "end_of_word_suffix is \"</w>\", which is not supported",
        ),
        ("/model/byte_fallback", json!(true), "byte_fallback is true, which is not supported together"),
        ("/normalizer", nfc, "normalizer is {\"type\":\"NFC\"}, which is not supported"),
        ("/pre_tokenizer", regex, "\\\\p{N}{1,3}"),
        (
            "/pre_tokenizer",
            json!({"type": "Whitespace"}),
            "pre_tokenizer is {\"type\":\"Whitespace\"}, which",
        ),
        ("/pre_tokenizer", json!(null), "neither its pre_tokenizer nor its normalizer is that of GPT-2"),
        ("/pre_tokenizer/add_prefix_space", json!(true), "add_prefix_space of the pre_tokenizer is true"),
        ("/model/vocab/a", json!("x"), "model.vocab has \"a\" with the id \"x\"; it must be a whole number"),
        ("/model/vocab/a", json!(2), "model.vocab has the id 2 twice"),
        ("/model/vocab/a", json!(9), "it has the id 9, and the model has 9 ids"),
        ("/model/vocab", json!({}), "model.vocab has no pieces"),
        ("/model/vocab/中", json!(8), "its piece \"中\" spells no byte"),
        (
            "/model/merges/0",
            json!("a c"),
            "model.merges has \"a c\", whose parts or whole are not in model.vocab",
        ),
        ("/model/merges/0", json!(7), "model.merges has 7, whose parts"),
        ("/added_tokens/0", json!({"id": -1, "content": "<s>"}), "which is no token"),
    ] {
        let message = refusal(&changed(path, value));
        assert!(message.contains(expected), "{path}: {message}");
    }
}

#[test]
fn merges_out_of_order_are_refused() {
    let json = changed("/model/merges", json!(["aa b", "a a", "b Ġ"]));
    let message = refusal(&json);
    assert_eq!(
        message,
        "its merge 0 joins the id 5, which only a later merge makes; this order is not supported"
    );
}

#[test]
fn a_piece_across_a_cut_is_refused() {
    let json = json!({
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "model": {"type": "BPE", "vocab": {"▁": 0, "a": 1, "a▁": 2}, "merges": [["a", "▁"]]},
    });
    let message = of_json(&json.to_string(), 3, None).unwrap_err().to_string();
    assert_eq!(message, "its piece \"a▁\" has a space behind text, which is not supported");
}

#[test]
fn long_pieces_keep_their_ids_and_the_beginning_of_their_text() {
    let mut vocab = json!({"a": 0});
    let mut merges = vec![];
    for (id, half) in (0..7).map(|id| 1 << id).enumerate() {
        vocab["a".repeat(2 * half)] = json!(id + 1);
        merges.push(json!(["a".repeat(half), "a".repeat(half)]));
    }
    let json = json!({
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
        "model": {"vocab": vocab, "merges": merges},
    });
    let tokenizer = of_json(&json.to_string(), 8, None).unwrap();
    let core = tokenizer.vocabulary.tokenizer().unwrap();
    assert_eq!(&*core.decode(7), "a".repeat(64).as_bytes(), "of 128");
    let ids: Vec<u16> = core.encode(&"a".repeat(64)).map(Result::unwrap).collect();
    assert_eq!(ids, [6]);
    assert!(
        tokenizer.remarks[0].starts_with("the ids 7 stand for more than 64 bytes of text"),
        "{:?}",
        tokenizer.remarks
    );
}

#[test]
fn characters_of_a_text_are_ids() {
    let Tokenizer { vocabulary, original_ids, .. } = of_characters("\n ab".into(), 5).unwrap();
    assert_eq!((vocabulary.vocab(), original_ids.len()), (5, 5));
    let refusal = |text: &str| of_characters(text.into(), 3).unwrap_err().to_string();
    assert_eq!(refusal("abcd"), "it has 4 characters, and the model has 3 ids");
    assert_eq!(refusal("aba"), "it has a character twice");
}
