//! Architectures by which larger models save, against plain models that compute the same; and files that claim tensors they do not hold.

use pipsqueak::internal::file::{FEATURE_LOOPS, checksum};
use pipsqueak::internal::{Decoder, Parameter};
use pipsqueak::{Config, Position, Precision, Sampling};
use pipsqueak_tests::{SMALL, build, generate, random_model, random_parameters};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::ModelFile;
use pipsqueak_trainer::training::parameters::Parameters;

const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];
/// Of the features in a file, behind mark and version.
const FEATURES_AT: usize = 5;

/// The same model with a copy of each layer's weights for every loop.
fn unrolled(config: &Config, parameters: &Parameters<f32>) -> (Config, Parameters<f32>) {
    let deep = Config { layers: config.depth(), loops: 1, ..config.clone() };
    let mut copies = Parameters::zeros(&deep);
    for (parameter, values) in copies.walk_mut() {
        values.chunks_exact_mut(parameters.get(parameter).len()).for_each(|copy| {
            copy.copy_from_slice(parameters.get(parameter));
        });
    }
    (deep, copies)
}

#[test]
fn a_looped_model_computes_what_a_deep_one_with_the_same_weights_does() {
    for layers in [1, 2] {
        let looped = Config { layers, loops: 3, ..SMALL };
        let parameters = random_parameters(&looped);
        let (deep, copies) = unrolled(&looped, &parameters);
        for precision in PRECISIONS {
            let text = |config, parameters| {
                generate(&build(config, precision, parameters), "Once", Sampling::default(), 5, 100)
            };
            assert_eq!(text(&looped, &parameters), text(&deep, &copies), "{layers} layers, {precision:?}");
            let [few, many] = [&looped, &deep].map(|config| Parameter::Up.bytes(config, precision));
            assert_eq!(3 * few, many, "weights are stored once");
            assert_eq!(looped.memory_bytes(precision), deep.memory_bytes(precision));
        }
    }
}

/// The weights of `one` with its MLP for each of the experts of `many`, and a router that scores them alike.
fn experts_alike(one: &Config, many: &Config, parameters: &Parameters<f32>) -> Parameters<f32> {
    let mut copies = Parameters::zeros(many);
    for (parameter, values) in copies.walk_mut().filter(|(parameter, _)| *parameter != Parameter::Router) {
        let layers = Parameter::shape(parameter, one).layers;
        let one = parameters.get(parameter);
        let length = one.len() / layers;
        let copied = values.len() / one.len();
        for (copy, layer) in values.chunks_exact_mut(length * copied).zip(one.chunks_exact(length)) {
            copy.chunks_exact_mut(length).for_each(|copy| copy.copy_from_slice(layer));
        }
    }
    copies
}

/// The experts of a layer are alike, so that it does not matter which is chosen; and the router's scores are all 0, so that each
/// has the same probability, by which the last matrix of the other model is scaled.
#[test]
fn experts_that_are_alike_compute_what_one_mlp_does() {
    let one = Config { residual: true, ..SMALL };
    let many = Config { experts: 4, ..one };
    let mut parameters = random_parameters(&one);
    let copies = experts_alike(&one, &many, &parameters);
    // A quarter is exact, also of scales.
    parameters.get_mut(Parameter::Down).iter_mut().for_each(|x| *x *= 0.25);
    for precision in PRECISIONS {
        let text = |config, parameters| {
            generate(&build(config, precision, parameters), "Once", Sampling::default(), 5, 100)
        };
        assert_eq!(text(&one, &parameters), text(&many, &copies), "{precision:?}");
    }
}

/// The error for a file that is changed and has the checksum that fits.
fn refusal(file: &ModelFile, change: impl Fn(&mut Vec<u8>)) -> String {
    let mut bytes = file.bytes()[..file.bytes().len() - 4].to_vec();
    change(&mut bytes);
    bytes.extend(checksum(&bytes).to_le_bytes());
    ModelFile::from_bytes(&bytes).model().expect_err("it is no model").to_string()
}

#[test]
fn features_that_do_not_fit_are_refused() {
    let (plain, looped) = (Config { layers: 3, ..SMALL }, Config { layers: 3, loops: 3, ..SMALL });
    let [plain, looped] = [plain, looped].map(|config| random_model(&config, Precision::Int8));
    assert_eq!((plain.bytes()[FEATURES_AT], looped.bytes()[FEATURES_AT]), (0, FEATURE_LOOPS as u8));
    let claims = |bytes: &mut Vec<u8>| bytes[FEATURES_AT] = FEATURE_LOOPS as u8;
    let hides = |bytes: &mut Vec<u8>| bytes[FEATURES_AT] = 0;
    for message in [refusal(&plain, claims), refusal(&looped, hides)] {
        assert!(message.contains("damaged"), "{message}");
    }
    // The number of loops is the byte behind the three flags that close the config.
    let flags: &[u8] = &[1, 0, 1, 3];
    let at = looped.bytes().windows(4).position(|bytes| bytes == flags).expect("the config's end") + 3;
    assert!(refusal(&looped, |bytes| bytes[at] = 0).contains("loops is 0; it must be from 1 to 256"));
    assert!(refusal(&looped, |bytes| bytes[at] = 1).contains("its features do not fit its shape"));
    let many = refusal(&looped, |bytes| bytes[at] = 100);
    assert!(many.contains("layers * loops is 300; it must be at most (256)"), "{many}");
}

/// The number behind the three flags that close the config of [`SMALL`].
fn place_of(number: u8, file: &ModelFile) -> usize {
    file.bytes().windows(4).position(|bytes| bytes == [1, 0, 1, number]).expect("the config's end") + 3
}

#[test]
fn experts_that_make_no_sense_are_refused() {
    let config = Config { experts: 5, ..SMALL };
    let file = random_model(&config, Precision::Int8);
    let at = place_of(5, &file);
    assert!(refusal(&file, |bytes| bytes[at] = 0).contains("experts is 0; it must be from 1 to 64"));
    assert!(refusal(&file, |bytes| bytes[at] = 65).contains("experts is 65; it must be from 1 to 64"));
    assert!(refusal(&file, |bytes| bytes[at] = 1).contains("its features do not fit its shape"));
    let more = refusal(&file, |bytes| bytes[at] = 6);
    assert!(more.contains("a tensor's length does not fit the shape"), "{more}");
    // The router is the last tensor: without its end, and without all of it.
    let router = Parameter::Router.bytes(&config, Precision::Int8) as usize;
    for left_out in [1, router, router + 40] {
        let message = refusal(&file, |bytes| bytes.truncate(bytes.len() - left_out));
        assert!(message.contains("damaged"), "{message}");
    }
}

/// Experts that are alike, of which a token goes through two: the weights are 1 together.
#[test]
fn two_experts_that_are_alike_compute_what_one_mlp_does() {
    let one = Config { position: Position::Learned, ..SMALL };
    let many = Config { experts: 4, active_experts: 2, ..one.clone() };
    let parameters = random_parameters(&one);
    let mut copies = experts_alike(&one, &many, &parameters);
    // Different scores: weights that are not equal.
    copies.get_mut(Parameter::Router).iter_mut().enumerate().for_each(|(i, x)| *x = (i % 7) as f32 - 3.0);
    for (precision, tolerance) in [(Precision::F32, 1e-5), (Precision::Int8, 0.05)] {
        let [a, b] = [(&one, &parameters), (&many, &copies)]
            .map(|(config, parameters)| last_logits(&build(config, precision, parameters)));
        let largest = a.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < tolerance * largest, "{precision:?}: {a} {b}");
        }
    }
}

#[test]
fn two_active_experts_that_make_no_sense_are_refused() {
    let config = Config { experts: 5, active_experts: 2, ..SMALL };
    let file = random_model(&config, Precision::Int8);
    let at = place_of(5, &file) + 1;
    let refused = |active: u8| refusal(&file, |bytes| bytes[at] = active);
    assert!(refused(0).contains("active_experts is 0; it must be from 1 to 2"));
    assert!(refused(1).contains("its features do not fit its shape"));
    assert!(refused(3).contains("active_experts is 3; it must be from 1 to 2"));
    let one = Config { active_experts: 2, ..SMALL }.check().unwrap_err().to_string();
    assert_eq!(one, "active_experts is 2; it must be at most experts (1)");
    let memory = |config: &Config| config.memory_bytes(Precision::Int8);
    let words = (memory(&config) - memory(&Config { active_experts: 1, ..config.clone() })) / 4;
    assert_eq!(words, 4, "the input of the second is kept where the next vector is quantised");
}

/// Scales and weights that are no numbers, in an f32 and in an integer file.
#[test]
fn a_router_without_numbers_still_chooses_an_expert() {
    let config = Config { experts: 5, ..SMALL };
    for precision in [Precision::F32, Precision::Int8] {
        let file = random_model(&config, precision);
        let mut bytes = file.bytes()[..file.bytes().len() - 4].to_vec();
        let end = bytes.len();
        bytes[end - 8..].copy_from_slice(&[f32::NAN.to_le_bytes(); 2].concat());
        bytes.extend(checksum(&bytes).to_le_bytes());
        let generated = generate(&ModelFile::from_bytes(&bytes), "Once", Sampling::default(), 5, 20);
        assert_eq!(generated.tokens, 20, "{precision:?}");
    }
}

const LATENT: Config = Config { kv_heads: 1, latent: 24, latent_rotary: 8, ..SMALL };

/// A latent as large as all keys and values together is these themselves: the rows of the one query that a head needs pick its own
/// keys, and the columns of the output its own values.
#[test]
fn a_latent_of_all_keys_and_values_computes_what_these_do() {
    let plain = Config { position: Position::Learned, ..SMALL };
    let (width, head, kv_width) = (plain.width, plain.head_size(), plain.kv_width());
    let latent = Config { kv_heads: 1, latent: 2 * kv_width, ..plain.clone() };
    let parameters = random_parameters(&plain);
    let mut merged = Parameters::zeros(&latent);
    for (parameter, values) in merged.walk_mut() {
        if !matches!(parameter, Parameter::Qkv | Parameter::Output) {
            values.copy_from_slice(parameters.get(parameter));
        }
    }
    // Scores are divided by the root of a head's channels, of which there are more.
    let scale = (latent.head_size() as f32 / head as f32).sqrt();
    for layer in 0..plain.layers {
        let (qkv, output) =
            (parameters.layer(Parameter::Qkv, layer), parameters.layer(Parameter::Output, layer));
        let (queries, keys_and_values) = qkv.split_at(width * width);
        let rows = merged.layer_mut(Parameter::Qkv, layer);
        let (all_queries, key) = rows.split_at_mut(latent.query_width() * width);
        key.copy_from_slice(keys_and_values);
        for h in 0..plain.heads {
            let row = h * latent.head_size() + h / plain.group() * head;
            let to = &mut all_queries[row * width..][..head * width];
            to.iter_mut().zip(&queries[h * head * width..]).for_each(|(to, from)| *to = from * scale);
        }
        let columns = merged.layer_mut(Parameter::Output, layer).chunks_exact_mut(latent.attended_width());
        for (to, from) in columns.zip(output.chunks_exact(width)) {
            for h in 0..plain.heads {
                let column = h * latent.latent + kv_width + h / plain.group() * head;
                to[column..][..head].copy_from_slice(&from[h * head..][..head]);
            }
        }
    }
    for (precision, tolerance) in [(Precision::F32, 1e-5), (Precision::Int8, 0.05)] {
        let [separate, one] = [(&plain, &parameters), (&latent, &merged)]
            .map(|(config, parameters)| last_logits(&build(config, precision, parameters)));
        let largest = separate.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        for (a, b) in separate.iter().zip(&one) {
            assert!((a - b).abs() < tolerance * largest, "{precision:?}: {a} {b}, largest {largest}");
        }
    }
}

/// The logits after 40 tokens.
fn last_logits(file: &ModelFile) -> Vec<f32> {
    let model = file.model().unwrap();
    let mut memory = OwnedMemory::of(&model);
    let (mut decoder, _) = Decoder::new(model, memory.buffers()).unwrap();
    for position in 0..40 {
        decoder.forward((position * 37 % 256) as u16, position).unwrap();
    }
    decoder.logits().to_vec()
}

#[test]
fn a_latent_saves_the_memory_that_it_is_for() {
    let bytes = |config: &Config| config.memory_bytes(Precision::Int8);
    let cache = |config: &Config| {
        bytes(&Config { context: 101, ..config.clone() }) - bytes(&Config { context: 1, ..config.clone() })
    };
    // A key of 32 channels and its scale a layer, against keys and values of all heads with two; scores, tokens and scales besides.
    let others = 100 * (12 + 2);
    assert_eq!(cache(&LATENT), 100 * 2 * (32 + 2) + others);
    assert_eq!(cache(&Config { kv_heads: 4, ..SMALL }), 100 * 2 * 2 * (32 + 2) + others);
}

#[test]
fn a_latent_that_makes_no_sense_is_refused() {
    let file = random_model(&LATENT, Precision::Int8);
    let at = place_of(24, &file);
    assert_eq!(file.bytes()[at + 1], 8);
    let refused =
        |latent: u8, rotary: u8| refusal(&file, |bytes| bytes[at..at + 2].copy_from_slice(&[latent, rotary]));
    assert!(refused(0, 8).contains("its features do not fit its shape"));
    assert!(refused(24, 0).contains("its features do not fit its shape"));
    assert!(refused(24, 7).contains("latent_rotary is 7; it must be even, and no less than the minimum (2)"));
    assert!(refused(25, 8).contains("a tensor's length does not fit the shape"));
    // 127 + 127 channels fit; two bytes hold more.
    let many = refusal(&file, |bytes| _ = bytes.splice(at..=at, [0x81, 0x02]));
    assert!(many.contains("latent is 257; it must be from 1 to 256") || many.contains("damaged"), "{many}");
    let heads = Config { kv_heads: 2, ..LATENT }.check().unwrap_err().to_string();
    assert_eq!(heads, "kv_heads is 2; it must be no more than latent attention has (1)");
    let long = Config { latent: 250, ..LATENT }.check().unwrap_err().to_string();
    assert_eq!(long, "latent_rotary is 8; it must be at most 256 less latent (6)");
    let rotary = Config { position: Position::None, ..LATENT }.check().unwrap_err().to_string();
    assert_eq!(rotary, "latent_rotary is 8; it must be zero where positions are not rotary (0)");
    let alone = Config { latent: 0, ..LATENT }.check().unwrap_err().to_string();
    assert_eq!(alone, "latent is 0; it must be from 1 to 256");
    let large = Config { heads: 65_535, latent: 2, latent_rotary: 0, position: Position::None, ..LATENT };
    assert!(large.check().unwrap_err().to_string().contains("heads * (latent + latent_rotary) is 131070"));
}

/// Weights that are no numbers in an f32 file, and scales that are none in an integer one.
#[test]
fn a_latent_without_numbers_still_generates() {
    for precision in [Precision::F32, Precision::Int8] {
        let mut parameters = random_parameters(&LATENT);
        parameters.get_mut(Parameter::Qkv).iter_mut().step_by(7).for_each(|x| *x = 1e38);
        let generated = generate(&build(&LATENT, precision, &parameters), "Once", Sampling::default(), 5, 20);
        assert_eq!(generated.tokens, 20, "{precision:?}");
    }
}

#[test]
fn tables_that_make_no_sense_are_refused() {
    let pairs = random_model(&Config { bigrams: 5, ..SMALL }, Precision::Int8);
    let at = place_of(5, &pairs);
    assert!(refusal(&pairs, |bytes| bytes[at] = 0).contains("its features do not fit its shape"));
    assert!(refusal(&pairs, |bytes| bytes[at] = 9).contains("a tensor's length does not fit the shape"));
    let many = refusal(&pairs, |bytes| _ = bytes.splice(at..=at, [0x80, 0x80, 0x04]));
    assert!(
        many.contains("damaged") || many.contains("bigrams is 65536; it must be at most (65535)"),
        "{many}"
    );
    let layers = random_model(&Config { per_layer_embeddings: true, ..SMALL }, Precision::Int8);
    let at = place_of(1, &layers);
    assert!(refusal(&layers, |bytes| bytes[at] = 0).contains("its features do not fit its shape"));
    assert!(refusal(&layers, |bytes| bytes[at] = 2).contains("damaged"));
}
