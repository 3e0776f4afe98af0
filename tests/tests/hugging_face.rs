//! Imported Hugging Face folders against transformers and tokenizers: the committed ones, which `tests/hugging_face/make.py` has
//! made, and larger ones where they are at hand.

use std::path::{Path, PathBuf};

use pipsqueak::internal::file::Provenance;
use pipsqueak::internal::{Decoder, Parameter, SplitMix64};
use pipsqueak::{Activation, Config, Precision, Sampling};
use pipsqueak_tests::{
    SMALL, architectures, generate, random_model, random_parameters, reference, shapes, temporary,
};
use pipsqueak_trainer::data::encoder::Encoder;
use pipsqueak_trainer::data::text::Corpus;
use pipsqueak_trainer::data::vocabulary::{OwnedPieces, OwnedVocabulary, Tokens};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::hugging_face as hf_export;
use pipsqueak_trainer::export::model_file::{self, ModelFile};
use pipsqueak_trainer::import::hugging_face::tensors::Tensors;
use pipsqueak_trainer::import::hugging_face::{self, config::Description, tokenizer, weights};
use pipsqueak_trainer::import::{self, Checkpoint};
use rand_core::Rng;
use serde_json::Value;

/// f32 sums in another order, of logits up to 20.
const LOGIT_TOLERANCE: f32 = 1e-3;

fn committed(name: &str) -> PathBuf {
    xtask::paths::root().join("tests/hugging_face").join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

/// An imported model, and the ids of both sides.
struct Imported {
    file: ModelFile,
    original_ids: Vec<usize>,
}

impl Imported {
    fn of(checkpoint: Checkpoint, precision: Precision) -> Self {
        let Checkpoint { config, parameters, vocabulary, original_ids, .. } = checkpoint;
        let file =
            model_file::build_from(&config, precision, &vocabulary, Provenance::UNKNOWN, parameters).unwrap();
        Imported { file, original_ids }
    }

    fn read(folder: &Path) -> Self {
        Self::of(import::read(folder, None).unwrap(), Precision::F32)
    }

    fn ours(&self, original: usize) -> u16 {
        self.original_ids.iter().position(|&id| id == original).unwrap() as u16
    }

    /// The largest difference from `expected` `[positions, vocab]`, in the checkpoint's ids.
    fn worst_difference(&self, ids: &[usize], expected: &[f32]) -> f32 {
        let model = self.file.model().unwrap();
        let mut memory = OwnedMemory::of(&model);
        let (mut decoder, _) = Decoder::new(model, memory.buffers()).unwrap();
        let vocab = self.original_ids.len();
        assert_eq!(expected.len(), ids.len() * vocab);
        let mut worst = 0f32;
        for (position, (&id, expected)) in ids.iter().zip(expected.chunks(vocab)).enumerate() {
            decoder.forward(self.ours(id), position).unwrap();
            for (&logit, &original) in decoder.logits().iter().zip(&self.original_ids) {
                worst = worst.max((logit - expected[original]).abs());
            }
        }
        worst
    }

    /// The checkpoint's ids of a text, by the core, behind the special that begins one.
    fn encode(&self, text: &str) -> Vec<usize> {
        let model = self.file.model().unwrap();
        let begin = model.tokenizer().vocabulary().begin;
        let ids = model.tokenizer().encode(text).map(Result::unwrap);
        begin.into_iter().chain(ids).map(|id| self.original_ids[usize::from(id)]).collect()
    }
}

#[test]
fn committed_checkpoints_give_the_logits_of_transformers() {
    for name in ["gpt2", "llama"] {
        let imported = Imported::read(&committed(name));
        let expected = json(&committed(name).join("expected.json"));
        let logits: Vec<f32> = expected["logits"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|position| position.as_array().unwrap())
            .map(|logit| logit.as_f64().unwrap() as f32)
            .collect();
        let worst = imported.worst_difference(&numbers(&expected["prompt"]), &logits);
        assert!(worst < 1e-4, "{name}: {worst}");
    }
}

#[test]
fn committed_checkpoints_give_the_ids_of_tokenizers() {
    for name in ["gpt2", "llama"] {
        let imported = Imported::read(&committed(name));
        for case in json(&committed(name).join("expected.json"))["texts"].as_array().unwrap() {
            // Hugging Face puts no space before an empty text, and nor does the core.
            let text = case["text"].as_str().unwrap();
            assert_eq!(imported.encode(text), numbers(&case["ids"]), "{name}: {text:?}");
        }
    }
}

/// Strings of the characters that tokenizers treat in different ways, with words of at most the core's 64 bytes.
fn random_texts(seed: u64, count: usize) -> impl Iterator<Item = String> {
    const PARTS: [&str; 58] = [
        " ",
        " ",
        " ",
        " ",
        "  ",
        "    ",
        "\n",
        "\n\n",
        "\t",
        "\r\n",
        "\u{a0}",
        "\u{3000}",
        "\u{2003}",
        "a",
        "e",
        "t",
        "the",
        " the",
        "mouse",
        "cat",
        "ran",
        "didn",
        "'",
        "'s",
        "'t",
        "'ll",
        "'ve",
        "'re",
        "'m",
        "'d",
        "'S",
        "\u{2019}s",
        "I",
        "HE",
        "0",
        "1",
        "12",
        "1999",
        "²",
        "Ⅷ",
        "½",
        "٣",
        ".",
        ",",
        "!?",
        "--",
        "#",
        "é",
        "ß",
        "ж",
        "Привет",
        "日本",
        "語",
        "ー",
        "🙂",
        "\u{301}",
        "\u{200d}",
        "\u{0}",
    ];
    let mut random = SplitMix64::new(seed);
    (0..count).map(move |_| {
        let parts = random.next_u32() % 16;
        let mut text = String::new();
        for _ in 0..parts {
            let part = PARTS[random.next_u32() as usize % PARTS.len()];
            if text.len() + part.len() <= 63 {
                text += part;
            }
        }
        text
    })
}

/// The fast encoder's ids of 10,000 texts, those of the crate `tokenizers`, which reads the same file, and of the first
/// `by_core` texts the core's: it goes through all merges for each word.
fn compare(path: &Path, vocab: usize, by_core: usize) {
    let ours = tokenizer::of_json(&std::fs::read_to_string(path).unwrap(), vocab, None).unwrap();
    let theirs = tokenizers::Tokenizer::from_file(path).unwrap();
    let core = ours.vocabulary.tokenizer().unwrap();
    let borrowed = ours.vocabulary.borrow();
    let texts: Vec<String> = random_texts(5, 10_000).collect();
    let mut encoder = Encoder::new(borrowed);
    for (i, text) in texts.iter().enumerate() {
        let original = |id: u16| ours.original_ids[usize::from(id)] as u32;
        let mut ids = Vec::new();
        encoder.encode(text, &mut ids, |_| ()).unwrap();
        if i < by_core {
            let by_core: Vec<u16> = core.encode(text).map(Result::unwrap).collect();
            assert_eq!(ids, by_core, "{text:?}");
        }
        let found: Vec<u32> = ids.iter().map(|&id| original(id)).collect();
        let expected = theirs.encode(text.as_str(), false).unwrap();
        assert_eq!(found, expected.get_ids(), "{}: {text:?}", path.display());
        let text_again: Vec<u8> = ids.iter().flat_map(|&id| core.decode(id).to_vec()).collect();
        let space = if borrowed.prefix_space && !text.is_empty() { " " } else { "" };
        assert_eq!(String::from_utf8(text_again).unwrap(), format!("{space}{text}"));
    }
}

#[test]
fn ids_of_ten_thousand_random_texts() {
    compare(&committed("gpt2").join("tokenizer.json"), 320, 10_000);
    compare(&committed("llama").join("tokenizer.json"), 364, 10_000);
    if let Some(folder) = reference("hf/gpt2_tiny") {
        compare(&folder.join("tokenizer.json"), 384, 10_000);
    }
    if let Some(folder) = reference("checkpoints/stories260k_hf") {
        compare(&folder.join("tokenizer.json"), 512, 10_000);
    }
    if let Some(folder) = reference("checkpoints/gpt2_tokenizer") {
        compare(&folder.join("tokenizer.json"), 50_257, 300);
        let cases = json(&folder.join("reference.json"));
        let text = std::fs::read_to_string(folder.join("tokenizer.json")).unwrap();
        let ours = tokenizer::of_json(&text, 50_257, None).unwrap();
        let core = ours.vocabulary.tokenizer().unwrap();
        for case in cases["cases"].as_array().unwrap() {
            let mut parts = case["text"].as_str().unwrap().split("<|endoftext|>").map(|part| {
                core.encode(part).map(|id| ours.original_ids[usize::from(id.unwrap())]).collect::<Vec<_>>()
            });
            let mut ids = parts.next().unwrap();
            parts.for_each(|part| ids.extend([vec![50_256], part].concat()));
            assert_eq!(ids, numbers(&case["ids"]), "{}", case["text"]);
        }
    }
}

/// 1.1 MB of text in GPT-2's 50,257 tokens, by the encoder of whole corpora.
#[test]
fn a_long_text_in_the_tokens_of_gpt2() {
    let (Some(folder), Some(texts)) = (reference("checkpoints/gpt2_tokenizer"), reference("text")) else {
        return;
    };
    let json_text = std::fs::read_to_string(folder.join("tokenizer.json")).unwrap();
    let vocabulary = tokenizer::of_json(&json_text, 50_257, None).unwrap().vocabulary;
    let text = std::fs::read_to_string(texts.join("tinyshakespeare.txt")).unwrap();
    let mut ids = Vec::new();
    let started = std::time::Instant::now();
    Encoder::new(vocabulary.borrow()).encode(&text, &mut ids, |_| ()).unwrap();
    println!("encoded in {:?}", started.elapsed());
    let expected = json(&folder.join("reference.json"));
    assert_eq!(ids.len(), expected["tinyshakespeare_tokens"].as_u64().unwrap() as usize);
    let first: Vec<usize> = ids.iter().map(|&id| id.into()).take(64).collect();
    assert_eq!(first, numbers(&expected["tinyshakespeare_first64"]));
    let core = vocabulary.tokenizer().unwrap();
    let few: Vec<u16> = core.encode(&text).map(Result::unwrap).take(2000).collect();
    assert_eq!(few, ids[..2000]);
}

/// A file of NumPy, of f32.
fn npy(path: &Path, count: usize) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let numbers = bytes[bytes.len() - 4 * count..].as_chunks::<4>().0;
    numbers.iter().map(|&number| f32::from_le_bytes(number)).collect()
}

/// The largest difference of the logits of every prompt that a folder has references for.
fn worst_of_references(imported: &Imported, folder: &Path) -> f32 {
    let reference = json(&folder.join("reference.json"));
    let vocab = imported.original_ids.len();
    let differences = reference["prompts"].as_array().unwrap().iter().map(|prompt| {
        let ids = numbers(&prompt["ids"]);
        let logits = npy(&folder.join(prompt["logits_file"].as_str().unwrap()), ids.len() * vocab);
        imported.worst_difference(&ids, &logits)
    });
    differences.fold(0.0, f32::max)
}

#[test]
fn larger_checkpoints_give_the_logits_of_transformers() {
    for name in ["hf/gpt2_tiny", "hf/llama_tiny_untied", "checkpoints/stories260k_hf"] {
        let Some(folder) = reference(name) else { continue };
        let worst = worst_of_references(&Imported::read(&folder), &folder);
        println!("{name}: the largest difference of a logit is {worst:e}");
        assert!(worst < LOGIT_TOLERANCE, "{name}: {worst}");
    }
}

#[test]
fn a_trained_gpt2_without_a_tokenizer_gives_the_logits_of_transformers() {
    let Some(folder) = reference("checkpoints/capp_gpt") else { return };
    let message = import::read(&folder, None).err().unwrap().to_string();
    assert!(message.contains("capp_gpt has no tokenizer.json; write it with `AutoTokenizer"), "{message}");
    let Description { config, family, .. } = hugging_face::describe(&folder).unwrap();
    let original_ids: Vec<usize> = (0..config.vocab).collect();
    let parameters = weights::read(&Tensors::open(&folder).unwrap(), family, &config, &original_ids).unwrap();
    let pieces = OwnedPieces::Characters(('A'..).take(config.vocab).collect());
    let vocabulary = OwnedVocabulary { pieces, specials: 0, begin: None, end: None, prefix_space: false };
    let checkpoint = Checkpoint { config, parameters, vocabulary, original_ids, remarks: vec![] };
    let worst = worst_of_references(&Imported::of(checkpoint, Precision::F32), &folder);
    println!("capp_gpt: the largest difference of a logit is {worst:e}");
    assert!(worst < LOGIT_TOLERANCE, "{worst}");
}

/// The refusal of the committed GPT-2's weights with this one in the place of all.
fn refusal_of_weight(name: &str, dtype: safetensors::Dtype) -> String {
    let folder = new_folder(&format!("one-weight-{dtype:?}"));
    std::fs::create_dir_all(&folder).unwrap();
    let view = safetensors::tensor::TensorView::new(dtype, vec![1], &[0; 8][..dtype.bitsize() / 8]).unwrap();
    safetensors::serialize_to_file([(name, view)], None, &folder.join("model.safetensors")).unwrap();
    let Description { config, family, .. } = hugging_face::describe(&committed("gpt2")).unwrap();
    let ids: Vec<usize> = (0..config.vocab).collect();
    let read = weights::read(&Tensors::open(&folder).unwrap(), family, &config, &ids);
    read.err().unwrap().to_string()
}

#[test]
fn weights_of_another_kind_are_refused_by_name() {
    let refusal = refusal_of_weight("transformer.wte.weight", safetensors::Dtype::F64);
    assert_eq!(
        refusal,
        "the tensor transformer.wte.weight is of F64, which is not supported; it must be F32, F16 or BF16"
    );
    let refusal = refusal_of_weight("transformer.h.0.attn.q_norm.weight", safetensors::Dtype::F32);
    assert!(
        refusal.starts_with("the weights hold transformer.h.0.attn.q_norm.weight, which no"),
        "{refusal}"
    );
    // A mask is no weight; what lacks is the rest.
    let refusal = refusal_of_weight("transformer.h.0.attn.bias", safetensors::Dtype::BOOL);
    assert!(refusal.starts_with("the weights have 0 bytes in f32"), "{refusal}");
}

#[test]
fn a_folder_without_weights_is_refused() {
    let Some(folder) = reference("checkpoints/smollm2_135m") else { return };
    let message = import::read(&folder, None).err().unwrap().to_string();
    assert!(message.contains("has neither model.safetensors nor model.safetensors.index.json"), "{message}");
}

#[test]
fn known_texts_of_the_reference_tokenizers() {
    let Some(folder) = reference("hf") else { return };
    let imported = Imported::read(&folder.join("gpt2_tiny"));
    let expected = json(&folder.join("tokenizer_reference.json"));
    for case in expected["tokenizer"]["cases"].as_array().unwrap() {
        check_known(&imported, case, 0);
    }
}

/// A typed special is text to the core, and to Hugging Face it is a special: around it, both are the same.
fn check_known(imported: &Imported, case: &Value, end: usize) {
    let text = case["text"].as_str().unwrap();
    let mut parts = text.split("<|endoftext|>").map(|part| imported.encode(part));
    let mut ids = parts.next().unwrap();
    parts.for_each(|part| ids.extend([vec![end], part].concat()));
    assert_eq!(ids, numbers(&case["ids"]), "{text:?}");
}

#[test]
fn greedy_text_is_that_of_transformers() {
    let Some(folder) = reference("checkpoints/stories260k_hf") else { return };
    let imported = Imported::read(&folder);
    for prompt in json(&folder.join("reference.json"))["prompts"].as_array().unwrap() {
        let expected = prompt["greedy_text"].as_str().unwrap();
        let found = generate(&imported.file, prompt["prompt"].as_str().unwrap(), Sampling::GREEDY, 0, 40);
        assert_eq!(found.text.trim_start(), expected.trim_start());
    }
}

/// A folder for a test of this name, which is not there yet.
fn new_folder(name: &str) -> PathBuf {
    let folder = temporary(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

/// Every choice of both architectures that has a form in transformers.
fn exported_shapes() -> [(&'static str, Config); 5] {
    let [(_, llama), (_, gpt2), _] = shapes();
    [
        ("llama", llama.clone()),
        ("llama-bias", Config { bias: true, tied: false, ..llama }),
        ("gpt2", Config { kv_heads: gpt2.heads, ..gpt2.clone() }),
        (
            "gpt2-tied",
            Config { kv_heads: gpt2.heads, tied: true, activation: Activation::Relu, ..gpt2.clone() },
        ),
        ("gpt2-no-bias", Config { kv_heads: gpt2.heads, bias: false, ..gpt2 }),
    ]
}

#[test]
fn an_exported_folder_is_imported_as_the_same_model() {
    for (name, config) in exported_shapes() {
        let model = random_model(&config, Precision::F32);
        let folder = new_folder(&format!("exported-{name}"));
        let vocabulary = OwnedVocabulary::of_model(&model.model().unwrap());
        hf_export::write(&folder, &config, &random_parameters(&config), &vocabulary).unwrap();
        let again = Imported::read(&folder);
        let (text, there) = ("The mouse", generate(&model, "The mouse", Sampling::GREEDY, 0, 30));
        let here = generate(&again.file, text, Sampling::GREEDY, 0, 30);
        assert_eq!(there.text, here.text, "{name}");
        // Biases that GPT-2 always has change no bit by being 0 here.
        assert_eq!(there.fingerprint, here.fingerprint, "{name}");
    }
}

/// The safetensors crate reads the file, and the values are where GPT-2's are.
#[test]
fn another_reader_finds_the_exported_tensors() {
    let (_, config) = exported_shapes().into_iter().find(|(name, _)| *name == "gpt2").unwrap();
    let parameters = random_parameters(&config);
    let folder = new_folder("exported-tensors");
    let model = random_model(&config, Precision::F32);
    let vocabulary = OwnedVocabulary::of_model(&model.model().unwrap());
    hf_export::write(&folder, &config, &parameters, &vocabulary).unwrap();
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let up = tensors.tensor("transformer.h.1.mlp.c_fc.weight").unwrap();
    assert_eq!(up.shape(), [config.width, config.hidden]);
    let value = |input: usize, output: usize| {
        let bytes = up.data().as_chunks::<4>().0[input * config.hidden + output];
        f32::from_le_bytes(bytes)
    };
    let ours = parameters.layer(Parameter::Up, 1);
    for (input, output) in [(0, 0), (3, 7), (config.width - 1, config.hidden - 1)] {
        assert_eq!(value(input, output), ours[output * config.width + input]);
    }
    assert_eq!(json(&folder.join("config.json"))["n_inner"], config.hidden);
    let again = hf_export::write(&folder, &config, &parameters, &vocabulary).unwrap_err().to_string();
    assert!(again.ends_with("the folder is not empty; name a new one"), "{again}");
}

#[test]
fn a_shape_that_transformers_has_not_is_not_exported() {
    let (_, config) = shapes().into_iter().next_back().unwrap();
    let model = random_model(&config, Precision::F32);
    let vocabulary = OwnedVocabulary::of_model(&model.model().unwrap());
    let parameters = random_parameters(&config);
    let error = hf_export::write(&new_folder("exported-none"), &config, &parameters, &vocabulary);
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("Sinusoidal positions, None norm and Plain MLP with 3 heads (1 for keys)"),
        "{error}"
    );
}

#[test]
fn a_part_that_transformers_has_not_is_named() {
    let options = ["--loops", "--experts", "--experts", "--bigrams", "--loops", "--latent"];
    let architectures = architectures();
    assert_eq!(architectures.len(), options.len());
    for ((name, config), option) in architectures.into_iter().zip(options) {
        let model = random_model(&config, Precision::F32);
        let vocabulary = OwnedVocabulary::of_model(&model.model().unwrap());
        let folder = new_folder("exported-part");
        let error = hf_export::write(&folder, &config, &random_parameters(&config), &vocabulary);
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("a model that was trained with {option} is none of")),
            "{name}: {error}"
        );
    }
}

/// Tokenizers of every kind, exported and read by the crate `tokenizers`: the same ids, which are those of the model file.
#[test]
fn exported_tokenizers_give_the_same_ids() {
    let corpus = Corpus::built_in(1, 100 << 10).unwrap();
    let learned = [Tokens::Bytes, Tokens::Bpe]
        .map(|tokens| OwnedVocabulary::of_corpus(&corpus, tokens, 400, &()).unwrap());
    let imported = ["gpt2", "llama"].map(|name| import::read(&committed(name), None).unwrap().vocabulary);
    for (i, vocabulary) in learned.into_iter().chain(imported).enumerate() {
        let config = Config { vocab: vocabulary.vocab(), ..SMALL };
        let folder = new_folder(&format!("exported-tokenizer-{i}"));
        hf_export::write(&folder, &config, &random_parameters(&config), &vocabulary).unwrap();
        let theirs = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
        let ours = vocabulary.tokenizer().unwrap();
        let texts = corpus.documents().take(50).map(str::to_string).chain(random_texts(9, 2000));
        for text in texts {
            let Ok(ids) = ours.encode(&text).map(|id| id.map(u32::from)).collect::<Result<Vec<_>, _>>()
            else {
                continue;
            };
            let found = theirs.encode(&*text, false).unwrap();
            assert_eq!(found.get_ids(), ids, "{i}: {text:?}");
            assert_eq!(theirs.decode(&ids, true).unwrap(), text, "{i}");
        }
    }
}
