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
