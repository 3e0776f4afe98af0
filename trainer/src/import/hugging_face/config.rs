//! `config.json`: a model's shape, of the families whose computation the core has.

use anyhow::{Result, bail, ensure};
use pipsqueak::{Activation, Config, Mlp, Norm, Position};
use serde_json::{Value, json};

use super::json::{Json, shortened};

/// The contents of `config.json`.
#[derive(Debug, Clone)]
pub struct Description {
    /// The shape.
    pub config: Config,
    /// How tensors are named and laid out.
    pub family: Family,
    /// `bos_token_id`.
    pub begin: Option<usize>,
    /// `eos_token_id`, the first where there are several.
    pub end: Option<usize>,
    /// The differences of the core, in sentences.
    pub remarks: Vec<String>,
}

/// How tensors are named and laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Matrices `[inputs, outputs]`, query, key and value in one.
    Gpt2,
    /// As [`Gpt2`](Family::Gpt2), but matrices are `[outputs, inputs]`.
    NanoGpt,
    /// Query and key rows in halves of a head.
    Llama,
}

/// Reads the text of a `config.json`.
///
/// # Errors
/// The key that is missing or not supported, by key and value.
pub fn read(text: &str) -> Result<Description> {
    let json = Json::read(text)?;
    json.only("quantization_config", &[])?;
    let (family, config) = match json.get("model_type").as_str() {
        Some("gpt2") => (Family::Gpt2, gpt2(&json)?),
        Some("nanogpt") => (Family::NanoGpt, nano_gpt(&json)?),
        Some("llama" | "mistral") => (Family::Llama, llama(&json)?),
        _ => bail!(
            "model_type is {}, which is not supported; it must be \"gpt2\", \"llama\", \"mistral\" or \"nanogpt\"",
            shortened(json.get("model_type"))
        ),
    };
    config.check()?;
    let mut remarks = Vec::new();
    let erf = family == Family::NanoGpt || activation_name(&json, family)? == "gelu";
    if erf && config.activation == Activation::Gelu {
        remarks.push(
            "GELU is computed with tanh rather than erf, which changes an activation by at most 0.0005"
                .into(),
        );
    }
    let id = |key: &str| {
        let value = json.get(key);
        let id = value.as_array().and_then(|ids| ids.first()).unwrap_or(value).as_u64()?;
        usize::try_from(id).ok().filter(|&id| id < config.vocab)
    };
    Ok(Description { begin: id("bos_token_id"), end: id("eos_token_id"), config, family, remarks })
}

fn gpt2(json: &Json) -> Result<Config> {
    json.only("add_cross_attention", &[json!(false)])?;
    json.only("scale_attn_weights", &[json!(true)])?;
    json.only("scale_attn_by_inverse_layer_idx", &[json!(false)])?;
    let width = json.size("n_embd")?;
    let heads = json.size("n_head")?;
    Ok(Config {
        vocab: json.size("vocab_size")?,
        context: json.size("n_positions")?,
        width,
        layers: json.size("n_layer")?,
        heads,
        kv_heads: heads,
        hidden: json.size_or_none("n_inner")?.unwrap_or(width.saturating_mul(4)),
        norm_epsilon: json.number("layer_norm_epsilon", 1e-5)? as f32,
        activation: activation(json, Family::Gpt2)?,
        tied: json.flag("tie_word_embeddings", true)?,
        ..Config::GPT2
    })
}

/// The arguments of nanoGPT's model, which its checkpoint holds.
fn nano_gpt(json: &Json) -> Result<Config> {
    let width = json.size("n_embd")?;
    let heads = json.size("n_head")?;
    Ok(Config {
        vocab: json.size("vocab_size")?,
        context: json.size("block_size")?,
        width,
        layers: json.size("n_layer")?,
        heads,
        kv_heads: heads,
        hidden: width.saturating_mul(4),
        bias: json.flag("bias", true)?,
        ..Config::GPT2
    })
}

fn llama(json: &Json) -> Result<Config> {
    let heads = json.size("num_attention_heads")?;
    let width = json.size("hidden_size")?;
    let context = json.size("max_position_embeddings")?;
    if let (Some(head), Some(quotient)) = (json.size_or_none("head_dim")?, width.checked_div(heads)) {
        ensure!(
            head == quotient,
            "head_dim is {head}, which is not supported; it must be hidden_size / num_attention_heads ({quotient})"
        );
    }
    if let Some(window) = json.size_or_none("sliding_window")? {
        ensure!(
            window >= context,
            "sliding_window is {window}, which is not supported; it must be null or at least \
             max_position_embeddings ({context})"
        );
    }
    Ok(Config {
        vocab: json.size("vocab_size")?,
        context,
        width,
        layers: json.size("num_hidden_layers")?,
        heads,
        kv_heads: json.size_or_none("num_key_value_heads")?.unwrap_or(heads),
        hidden: json.size("intermediate_size")?,
        position: Position::Rotary,
        rotary_base: rotary_base(json)?,
        norm: Norm::Rms,
        norm_epsilon: json.number("rms_norm_eps", 1e-6)? as f32,
        activation: activation(json, Family::Llama)?,
        mlp: Mlp::Gated,
        bias: json.flag("attention_bias", false)? || json.flag("mlp_bias", false)?,
        tied: json.flag("tie_word_embeddings", false)?,
        ..Config::LLAMA
    })
}

/// The base of the angles, under its old or its new key; any way of scaling them is refused.
fn rotary_base(json: &Json) -> Result<f32> {
    for key in ["rope_scaling", "rope_parameters"] {
        let kind = json.object(key);
        let kind = if kind.get("rope_type").is_null() { kind.get("type") } else { kind.get("rope_type") };
        ensure!(
            kind.is_null() || kind == "default",
            "{key} is {}, which is not supported; it must be null or of the type \"default\"",
            shortened(json.get(key))
        );
    }
    // Without a type, anything but the base would be a way of scaling.
    for (key, value) in json.get("rope_scaling").as_object().into_iter().flatten() {
        let harmless = ["rope_type", "type", "rope_theta"].contains(&key.as_str());
        ensure!(
            harmless,
            "rope_scaling has {key} = {}, which is not supported; it must be null",
            shortened(value)
        );
    }
    json.only("partial_rotary_factor", &[json!(1.0), json!(1)])?;
    json.object("rope_parameters").only("partial_rotary_factor", &[json!(1.0), json!(1)])?;
    let base = json.number("rope_theta", 10_000.0)?;
    Ok(json.object("rope_parameters").number("rope_theta", base)? as f32)
}

fn activation_name(json: &Json, family: Family) -> Result<&str> {
    match family {
        Family::Gpt2 => json.text("activation_function", "gelu_new"),
        Family::NanoGpt => Ok("gelu"),
        Family::Llama => json.text("hidden_act", "silu"),
    }
}

fn activation(json: &Json, family: Family) -> Result<Activation> {
    let key = if family == Family::Llama { "hidden_act" } else { "activation_function" };
    Ok(match activation_name(json, family)? {
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "gelu" => Activation::Gelu,
        "relu" => Activation::Relu,
        "silu" | "swish" => Activation::Silu,
        other => bail!(
            "{key} is {}, which is not supported; it must be \"gelu_new\", \"gelu_pytorch_tanh\", \"gelu\", \"relu\" or \"silu\"",
            Value::from(other)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(base: &str, key: &str, value: Value) -> String {
        let mut json: Value = serde_json::from_str(base).unwrap();
        if value == "missing" {
            json.as_object_mut().unwrap().remove(key);
        } else {
            json[key] = value;
        }
        json.to_string()
    }

    const GPT2: &str = r#"{"model_type": "gpt2", "n_embd": 48, "n_head": 4, "n_layer": 3, "n_positions": 64, "vocab_size": 384,
        "n_inner": null, "activation_function": "gelu_new", "eos_token_id": 0, "bos_token_id": 384}"#;
    const LLAMA: &str = r#"{"model_type": "llama", "hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 3,
        "max_position_embeddings": 128, "vocab_size": 384, "intermediate_size": 128, "num_key_value_heads": 2, "head_dim": 12,
        "rms_norm_eps": 1e-05, "rope_parameters": {"rope_theta": 20000.0, "rope_type": "default"}, "eos_token_id": [7, 8]}"#;

    #[test]
    fn the_shapes_of_both_families() {
        let Description { config, begin, end, remarks, .. } = read(GPT2).unwrap();
        assert_eq!(
            config,
            Config { vocab: 384, context: 64, width: 48, layers: 3, hidden: 192, ..Config::GPT2 }
        );
        assert_eq!((begin, end, remarks.len()), (None, Some(0), 0), "bos_token_id is no id of this model");
        let Description { config, end, .. } = read(LLAMA).unwrap();
        let shape = Config { vocab: 384, context: 128, width: 48, layers: 3, hidden: 128, ..Config::LLAMA };
        assert_eq!(config, Config { rotary_base: 20_000.0, tied: false, ..shape });
        assert_eq!(end, Some(7));
        let older = changed(&changed(LLAMA, "rope_parameters", Value::Null), "rope_theta", json!(500_000.0));
        assert_eq!(read(&older).unwrap().config.rotary_base, 500_000.0);
        let all_heads = changed(LLAMA, "num_key_value_heads", "missing".into());
        assert_eq!(read(&all_heads).unwrap().config.kv_heads, 4);
        assert!(read(&changed(LLAMA, "attention_bias", json!(true))).unwrap().config.bias);
        assert_eq!(read(&changed(GPT2, "activation_function", json!("gelu"))).unwrap().remarks.len(), 1);
        let nano = r#"{"model_type": "nanogpt", "n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 64, "bias": false,
            "vocab_size": 65, "dropout": 0.0}"#;
        let Description { config, family, .. } = read(nano).unwrap();
        assert_eq!((config.hidden, config.context, config.bias, family), (512, 64, false, Family::NanoGpt));
    }

    #[test]
    fn what_is_not_supported_is_named_by_key_and_value() {
        let yarn = json!({"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4});
        for (base, key, value, expected) in [
            (GPT2, "model_type", json!("bert"), "model_type is \"bert\", which is not supported"),
            (GPT2, "model_type", "missing".into(), "model_type is null, which is not supported"),
            (GPT2, "n_embd", "missing".into(), "it lacks the key n_embd"),
            (GPT2, "n_embd", json!(-1), "n_embd is -1; it must be a whole number"),
            (GPT2, "n_head", json!(0), "n_head is 0, which is not supported; it must be from 1 to 65535"),
            (GPT2, "n_head", json!(7), "width is 48; it must be a multiple of heads (7)"),
            (GPT2, "n_embd", json!(1u64 << 62), "n_embd is 4611686018427387904, which"),
            (
                GPT2,
                "vocab_size",
                json!(128_256),
                "vocab_size is 128256, which is not supported; it must be from 1 to 65535",
            ),
            (
                GPT2,
                "activation_function",
                json!("tanh"),
                "activation_function is \"tanh\", which is not supported",
            ),
            (GPT2, "scale_attn_by_inverse_layer_idx", json!(true), "is true, which is not supported"),
            (GPT2, "quantization_config", json!({"bits": 4}), "quantization_config is {\"bits\":4}, which"),
            (LLAMA, "rope_parameters", yarn, "of the type \"default\""),
            (
                LLAMA,
                "rope_scaling",
                json!({"type": "linear", "factor": 2.0}),
                "rope_scaling is {\"factor\":2.0",
            ),
            (
                LLAMA,
                "rope_scaling",
                json!({"factor": 2.0}),
                "rope_scaling has factor = 2.0, which is not supported",
            ),
            (
                LLAMA,
                "partial_rotary_factor",
                json!(0.5),
                "partial_rotary_factor is 0.5, which is not supported",
            ),
            (LLAMA, "sliding_window", json!(64), "sliding_window is 64, which is not supported"),
            (LLAMA, "head_dim", json!(16), "head_dim is 16, which is not supported"),
            (LLAMA, "hidden_act", json!("mish"), "hidden_act is \"mish\", which is not supported"),
            (LLAMA, "num_hidden_layers", json!("3"), "num_hidden_layers is \"3\"; it must be a whole number"),
        ] {
            let message = read(&changed(base, key, value)).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert_eq!(read("[]").unwrap_err().to_string(), "it is no JSON object");
        assert!(read("{").unwrap_err().to_string().starts_with("it is no JSON ("));
    }
}
