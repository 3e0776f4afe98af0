//! The engine as the worker calls it.

use pipsqueak_page::{Answer, Engine};
use serde_json::{Value, json};

const TEXT: &str = "the cat sat. the cat ran. the rat sat. the rat ran. ";

fn ask(engine: &mut Engine, request: Value, bytes: &[u8]) -> Answer {
    engine.answer_json(request.to_string().as_bytes(), bytes).unwrap()
}

fn refusal(engine: &mut Engine, request: Value, bytes: &[u8]) -> String {
    format!("{:#}", engine.answer_json(request.to_string().as_bytes(), bytes).unwrap_err())
}

fn start(engine: &mut Engine, kind: &str, text: &str) {
    ask(engine, json!({"do": "start", "kind": kind, "name": "text", "seed": 1}), text.as_bytes());
}

fn model(engine: &mut Engine) -> Vec<u8> {
    ask(engine, json!({"do": "model", "precision": "Int8"}), &[]).bytes
}

fn writing(what: &str) -> Value {
    json!({"do": what, "prompt": "the", "tokens": 30, "temperature": 0.8, "top_k": 5, "top_p": 0.9, "seed": 3})
}

#[test]
fn a_run_goes_on_from_its_checkpoint_bit_for_bit() {
    let text = TEXT.repeat(60);
    for kind in ["toy", "own"] {
        let mut whole = Engine::new();
        start(&mut whole, kind, &text);
        ask(&mut whole, json!({"do": "step", "count": 5}), &[]);
        let kept = ask(&mut whole, json!({"do": "checkpoint"}), &[]).bytes;
        let progress = ask(&mut whole, json!({"do": "step", "count": 7}), &[]).json;
        assert_eq!(progress["step"], 12);
        let mut resumed = Engine::new();
        start(&mut resumed, kind, &text);
        assert_eq!(ask(&mut resumed, json!({"do": "restore"}), &kept).json["step"], 5);
        assert_eq!(ask(&mut resumed, json!({"do": "step", "count": 7}), &[]).json, progress);
        assert_eq!(model(&mut resumed), model(&mut whole), "{kind}");
        let mut other = Engine::new();
        start(&mut other, kind, &format!("{text} more"));
        assert!(refusal(&mut other, json!({"do": "restore"}), &kept).contains("cannot go on"));
    }
}

#[test]
fn a_saved_model_has_the_weights_that_predict_held_out_text_best() {
    let mut engine = Engine::new();
    start(&mut engine, "own", &TEXT.repeat(60));
    ask(&mut engine, json!({"do": "step", "count": 5}), &[]);
    let progress = ask(&mut engine, json!({"do": "validate"}), &[]).json;
    assert_eq!(progress["best"][0], 5);
    let better = model(&mut engine);
    ask(&mut engine, json!({"do": "step", "count": 1}), &[]);
    assert_eq!(model(&mut engine), better, "the present weights are not known to be better");
    let kept = ask(&mut engine, json!({"do": "checkpoint"}), &[]).bytes;
    let mut resumed = Engine::new();
    start(&mut resumed, "own", &TEXT.repeat(60));
    assert_eq!(ask(&mut resumed, json!({"do": "restore"}), &kept).json["best"], progress["best"]);
    assert_eq!(model(&mut resumed), better);
    let progress = ask(&mut resumed, json!({"do": "step", "count": 30}), &[]).json;
    assert_eq!(progress["best"][0], 5);
    assert_eq!(ask(&mut resumed, json!({"do": "validate"}), &[]).json["best"][0], 36, "learning went on");
    assert_ne!(model(&mut resumed), better);
}

#[test]
fn a_run_that_was_looked_at_often_goes_on_too() {
    let text = TEXT.repeat(60);
    let mut engine = Engine::new();
    start(&mut engine, "own", &text);
    for _ in 0..300 {
        ask(&mut engine, json!({"do": "validate"}), &[]);
    }
    let kept = ask(&mut engine, json!({"do": "checkpoint"}), &[]).bytes;
    let mut resumed = Engine::new();
    start(&mut resumed, "own", &text);
    ask(&mut resumed, json!({"do": "restore"}), &kept);
}

#[test]
fn the_trace_is_of_the_text_that_is_written() {
    let mut engine = Engine::new();
    start(&mut engine, "toy", &TEXT.repeat(20));
    ask(&mut engine, json!({"do": "step", "count": 300}), &[]);
    model(&mut engine);
    let written = ask(&mut engine, writing("write"), &[]).json;
    let trace = ask(&mut engine, writing("trace"), &[]).json;
    assert_eq!(trace["fingerprint"], written["fingerprint"]);
    let steps = trace["steps"].as_array().unwrap();
    assert_eq!(written["tokens"], steps.len());
    for step in steps {
        let candidates = step["candidates"].as_array().unwrap();
        let sum =
            |key: &str| candidates.iter().map(|candidate| candidate[key].as_f64().unwrap()).sum::<f64>();
        assert!((sum("probability") - 1.0).abs() < 1e-9 && (sum("drawn") - 1.0).abs() < 1e-9);
        assert!(candidates.iter().filter(|candidate| candidate["inTopK"] == true).count() <= 5);
        let drawn = candidates.iter().find(|candidate| candidate["token"] == step["token"]).unwrap();
        assert!(drawn["inTopP"] == true && drawn["drawn"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_in_words() {
    let mut engine = Engine::new();
    assert!(
        refusal(&mut engine, json!({"do": "step", "count": 1}), &[]).contains("nothing is being trained")
    );
    assert!(refusal(&mut engine, writing("write"), &[]).contains("there is no model yet"));
    assert!(refusal(&mut engine, json!({"do": "fly"}), &[]).contains("none that the engine knows"));
    assert!(refusal(&mut engine, json!({"do": "open"}), b"noise").contains("no model that can be used"));
    for (bytes, reason) in
        [(&b"\xff\xfe"[..], "no text in UTF-8"), (b"a\0b", "no text in UTF-8"), (b"", "text")]
    {
        for kind in ["toy", "own"] {
            let request = json!({"do": "start", "kind": kind, "name": "x.txt", "seed": 1});
            assert!(refusal(&mut engine, request, bytes).contains(reason));
        }
    }
    start(&mut engine, "toy", &TEXT.repeat(20));
    model(&mut engine);
    for tokens in [0, 2001] {
        let mut request = writing("write");
        request["tokens"] = tokens.into();
        assert!(refusal(&mut engine, request, &[]).contains("1 to 2000 tokens"));
    }
    let mut request = writing("write");
    request["top_k"] = 300.into();
    assert!(refusal(&mut engine, request, &[]).contains("top-k"));
}

fn pico() -> Value {
    json!({"name": "pico", "chip": "Cortex-M0+", "image": "pico.bin", "flash_start": 0x1000_0000, "model_start": 0x1004_0000,
        "model_bytes": 1_835_008, "ram_bytes": 250_000, "uf2": {"family": 0xe48b_ff56u32, "board_id": "RPI-RP2"}})
}

#[test]
fn a_file_for_a_board_has_firmware_and_model() {
    let mut engine = Engine::new();
    let request = json!({"do": "flash-file", "board": pico()});
    assert!(refusal(&mut engine, request.clone(), &[1]).contains("there is no model yet"));
    start(&mut engine, "toy", &TEXT.repeat(20));
    let file = model(&mut engine);
    let image = [7; 1000];
    let Answer { json, bytes } = ask(&mut engine, request.clone(), &image);
    assert_eq!(json["ending"], "uf2");
    // The firmware fills the sectors that it lies in.
    assert_eq!(bytes.len(), 512 * (16 + file.len().div_ceil(256)));
    // A block's bytes lie behind its eight words.
    assert!(bytes[32..][..256] == image[..256] && bytes[16 * 512 + 32..][..256] == file[..256]);
    assert!(refusal(&mut engine, request, &[]).contains("make it again"));
    let mut tiny = pico();
    tiny["ram_bytes"] = 10.into();
    let request = json!({"do": "flash-file", "board": tiny});
    assert!(refusal(&mut engine, request, &image).contains("bytes of RAM, and pico has 10 for one"));
    let mut microbit = pico();
    (microbit["uf2"], microbit["hex_drive"]) = (Value::Null, true.into());
    let Answer { json, bytes } =
        ask(&mut engine, json!({"do": "flash-file", "board": microbit.clone()}), &image);
    assert!(json["ending"] == "hex" && bytes.starts_with(b":02000004"));
    microbit["hex_drive"] = false.into();
    let request = json!({"do": "flash-file", "board": microbit});
    assert!(refusal(&mut engine, request, &image).contains("shows no drive"));
}

#[test]
fn boards_are_listed_with_what_they_lack() {
    let mut engine = Engine::new();
    start(&mut engine, "own", &TEXT.repeat(60));
    model(&mut engine);
    let mut small = pico();
    (small["name"], small["ram_bytes"]) = ("microbit-v2".into(), 10.into());
    let request = json!({"do": "boards", "firmware": {"boards": [pico(), small]}});
    let listed = ask(&mut engine, request, &[]).json;
    let board = |name: &str| {
        let boards = listed["boards"].as_array().unwrap();
        boards.iter().find(|board| board["name"] == name).unwrap().clone()
    };
    let raspberry = board("Raspberry Pi Pico");
    assert_eq!((&raspberry["firmware"], &raspberry["refusal"]), (&json!("pico"), &Value::Null));
    assert_eq!(raspberry["lacks"], Value::Null);
    assert_eq!(board("Raspberry Pi Pico 2")["firmware"], Value::Null);
    assert!(board("micro:bit v2")["refusal"].as_str().unwrap().contains("microbit-v2 has 10 for one"));
    assert!(board("Blue Pill")["lacks"].as_str().unwrap().contains("too little"));
}

#[test]
fn the_arithmetic_can_be_checked() {
    let mut engine = Engine::new();
    start(&mut engine, "toy", &TEXT.repeat(20));
    let mut file = model(&mut engine);
    assert_eq!(ask(&mut engine, json!({"do": "self-test"}), &[]).json, "ok");
    // A golden run of other tokens, in a file that is whole otherwise.
    let model = pipsqueak_trainer::export::model_file::ModelFile::from_bytes(&file);
    let tokens = model.model().unwrap().golden().tokens.to_vec();
    let place = file.windows(tokens.len()).position(|bytes| bytes == tokens).unwrap();
    file[place] ^= 1;
    let end = file.len() - 4;
    let sum = pipsqueak::internal::file::checksum(&file[..end]);
    file[end..].copy_from_slice(&sum.to_le_bytes());
    ask(&mut engine, json!({"do": "open"}), &file);
    let said = ask(&mut engine, json!({"do": "self-test"}), &[]).json;
    assert!(said.as_str().unwrap().contains("golden run"), "{said}");
}

#[test]
fn the_likeliest_of_several_texts_is_kept() {
    let mut engine = Engine::new();
    start(&mut engine, "toy", &TEXT.repeat(20));
    ask(&mut engine, json!({"do": "step", "count": 300}), &[]);
    model(&mut engine);
    let mut alone = writing("write");
    let think = |passes: u16, feeds_back: bool| {
        let mut writing = writing("");
        writing.as_object_mut().unwrap().remove("do");
        json!({"do": "think", "writing": writing, "passes": passes, "feeds_back": feeds_back})
    };
    let chosen = ask(&mut engine, think(4, false), &[]).json;
    let passes = chosen["passes"].as_array().unwrap();
    let score = |pass: &Value| pass["score"].as_f64().unwrap();
    let kept = chosen["kept"].as_u64().unwrap();
    assert!(passes.len() == 4 && passes.iter().all(|pass| score(pass) <= score(&passes[kept as usize])));
    assert_eq!(chosen["written"]["text"], passes[kept as usize]["text"]);
    alone["seed"] = (3 + kept).into();
    assert_eq!(chosen["written"], ask(&mut engine, alone, &[]).json);
    let fed = ask(&mut engine, think(3, true), &[]).json;
    assert_eq!(fed["passes"][0], passes[0]);
    for passes in [1, 33] {
        assert!(refusal(&mut engine, think(passes, true), &[]).contains("2 to 32 texts"));
    }
}
