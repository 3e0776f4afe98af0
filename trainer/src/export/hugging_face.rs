//! A model as a Hugging Face folder: `config.json`, `model.safetensors` in f32, and `tokenizer.json`, the reverse of
//! [`crate::import::hugging_face`].

mod tokenizer;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::internal::Parameter;
use pipsqueak::{Activation, Config, Mlp, Norm, Position};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::data::vocabulary::OwnedVocabulary;
use crate::import::hugging_face::weights::interleaved;
use crate::import::hugging_face::{CONFIG, TOKENIZER, tensors::SINGLE};
use crate::training::parameters::Parameters;

/// Whether a folder can be written there: nothing, or an empty folder.
///
/// # Errors
/// In a sentence, what is there.
pub fn check(folder: &Path) -> Result<()> {
    let Ok(mut entries) = fs::read_dir(folder) else {
        ensure!(!folder.exists(), "cannot write {}: a file is there; name a new folder", folder.display());
        return Ok(());
    };
    ensure!(
        entries.next().is_none(),
        "cannot write {}: the folder is not empty; name a new one",
        folder.display()
    );
    Ok(())
}

/// Writes a folder that transformers loads, as a whole or not at all.
///
/// # Errors
/// A model that is neither of GPT-2's nor of Llama's architecture, or a folder that cannot be written.
pub fn write(
    folder: &Path,
    config: &Config,
    parameters: &Parameters<f32>,
    vocabulary: &OwnedVocabulary,
) -> Result<()> {
    let family = Family::of(config)?;
    let mut description = family.config(config);
    description["bos_token_id"] = json!(vocabulary.begin);
    description["eos_token_id"] = json!(vocabulary.end);
    let tokenizer = tokenizer::of(vocabulary)?;
    check(folder)?;
    let save = || -> Result<()> {
        let beside = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".pipsqueak-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let temporary = builder.tempdir_in(beside.unwrap_or(Path::new(".")))?;
        let file = |name: &str| temporary.path().join(name);
        fs::write(file(CONFIG), serde_json::to_vec_pretty(&description)?)?;
        fs::write(file(TOKENIZER), serde_json::to_vec_pretty(&tokenizer)?)?;
        let tensors = family.tensors(config, parameters);
        let views = tensors.iter().map(|tensor| Ok((&tensor.name, tensor.view()?)));
        let views = views.collect::<Result<Vec<_>>>()?;
        let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
        safetensors::serialize_to_file(views, Some(metadata), &file(SINGLE))?;
        // As any new file has them: safetensors lets only the owner read its own.
        fs::set_permissions(file(SINGLE), fs::metadata(file(CONFIG))?.permissions())?;
        if folder.exists() {
            fs::remove_dir(folder)?;
        }
        fs::rename(temporary.path(), folder)?;
        // A file that was moved is no longer there to be removed.
        _ = temporary.keep();
        Ok(())
    };
    save().with_context(|| format!("cannot write {}", folder.display()))
}

/// An architecture of transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Gpt2,
    Llama,
}

/// A tensor of a folder.
struct Tensor<'p> {
    name: String,
    shape: Vec<usize>,
    values: Cow<'p, [f32]>,
}

impl Tensor<'_> {
    fn view(&self) -> Result<TensorView<'_>> {
        Ok(TensorView::new(Dtype::F32, self.shape.clone(), bytemuck::cast_slice(&self.values))?)
    }
}

impl Family {
    fn of(config: &Config) -> Result<Family> {
        let Config { position, norm, mlp, heads, kv_heads, residual, .. } = *config;
        ensure!(residual, "a model without residual connections is none of GPT-2's or Llama's architecture");
        let parts = [
            (config.loops > 1, "--loops"),
            (config.experts > 1, "--experts"),
            (config.bigrams > 0, "--bigrams"),
            (config.per_layer_embeddings, "--per-layer-embeddings"),
            (config.latent > 0, "--latent"),
        ];
        if let Some((_, option)) = parts.into_iter().find(|(is_there, _)| *is_there) {
            bail!(
                "a model that was trained with {option} is none of GPT-2's or Llama's architecture; train one without it"
            );
        }
        match (position, norm, mlp) {
            (Position::Learned, Norm::Layer, Mlp::Plain) if heads == kv_heads => Ok(Family::Gpt2),
            (Position::Rotary, Norm::Rms, Mlp::Gated) => Ok(Family::Llama),
            _ => bail!(
                "{position:?} positions, {norm:?} norm and {mlp:?} MLP with {heads} heads ({kv_heads} for keys) are no \
                 architecture of transformers'; it has GPT-2's (--position learned --norm layer --mlp gelu and as many --kv-heads as \
                 --heads) and Llama's (--position rotary --norm rms --mlp swiglu)"
            ),
        }
    }

    fn config(self, config: &Config) -> Value {
        let activation = match config.activation {
            Activation::Relu => "relu",
            Activation::Gelu => "gelu_pytorch_tanh",
            Activation::Silu => "silu",
        };
        match self {
            Family::Gpt2 => json!({
                "model_type": "gpt2",
                "architectures": ["GPT2LMHeadModel"],
                "activation_function": activation,
                "vocab_size": config.vocab,
                "n_positions": config.context,
                "n_embd": config.width,
                "n_layer": config.layers,
                "n_head": config.heads,
                "n_inner": config.hidden,
                "layer_norm_epsilon": f64::from(config.norm_epsilon),
                "attn_pdrop": 0.0,
                "embd_pdrop": 0.0,
                "resid_pdrop": 0.0,
                "tie_word_embeddings": config.tied,
                "dtype": "float32",
            }),
            Family::Llama => json!({
                "model_type": "llama",
                "architectures": ["LlamaForCausalLM"],
                "hidden_act": activation,
                "vocab_size": config.vocab,
                "max_position_embeddings": config.context,
                "hidden_size": config.width,
                "intermediate_size": config.hidden,
                "num_hidden_layers": config.layers,
                "num_attention_heads": config.heads,
                "num_key_value_heads": config.kv_heads,
                "head_dim": config.head_size(),
                "rms_norm_eps": f64::from(config.norm_epsilon),
                // Both names of the base: programs before and after transformers 5 know one each.
                "rope_theta": f64::from(config.rotary_base),
                "rope_parameters": {"rope_type": "default", "rope_theta": f64::from(config.rotary_base)},
                "attention_bias": config.bias,
                "mlp_bias": config.bias,
                "tie_word_embeddings": config.tied,
                "dtype": "float32",
            }),
        }
    }

    fn tensors<'p>(self, config: &Config, parameters: &'p Parameters<f32>) -> Vec<Tensor<'p>> {
        let Config { vocab, width, context, .. } = *config;
        let whole = |name: &str, parameter, shape: &[usize]| Tensor {
            name: name.into(),
            shape: shape.into(),
            values: parameters.get(parameter).into(),
        };
        let mut tensors = match self {
            Family::Gpt2 => vec![
                whole("transformer.wte.weight", Parameter::Embedding, &[vocab, width]),
                whole("transformer.wpe.weight", Parameter::Positions, &[context, width]),
                whole("transformer.ln_f.weight", Parameter::FinalNormGain, &[width]),
                // A layer norm of GPT-2's always has a bias.
                Tensor {
                    name: "transformer.ln_f.bias".into(),
                    shape: vec![width],
                    values: or_zeros(parameters.get(Parameter::FinalNormBias), width),
                },
            ],
            Family::Llama => vec![
                whole("model.embed_tokens.weight", Parameter::Embedding, &[vocab, width]),
                whole("model.norm.weight", Parameter::FinalNormGain, &[width]),
            ],
        };
        if !config.tied {
            tensors.push(whole("lm_head.weight", Parameter::LmHead, &[vocab, width]));
        }
        for layer in 0..config.layers {
            match self {
                Family::Gpt2 => gpt2_layer(config, parameters, layer, &mut tensors),
                Family::Llama => llama_layer(config, parameters, layer, &mut tensors),
            }
        }
        tensors
    }
}

/// Matrices are `[inputs, outputs]`.
fn gpt2_layer<'p>(
    config: &Config,
    parameters: &'p Parameters<f32>,
    layer: usize,
    tensors: &mut Vec<Tensor<'p>>,
) {
    let of = |parameter| parameters.layer(parameter, layer);
    let mut push = |name: &str, shape: &[usize], values| {
        tensors.push(Tensor { name: format!("transformer.h.{layer}.{name}"), shape: shape.into(), values });
    };
    for (name, gain, bias) in [
        ("ln_1", Parameter::AttentionNormGain, Parameter::AttentionNormBias),
        ("ln_2", Parameter::MlpNormGain, Parameter::MlpNormBias),
    ] {
        push(&format!("{name}.weight"), &[config.width], of(gain).into());
        push(&format!("{name}.bias"), &[config.width], or_zeros(of(bias), config.width));
    }
    for (name, matrix, bias) in [
        ("attn.c_attn", Parameter::Qkv, Parameter::QkvBias),
        ("attn.c_proj", Parameter::Output, Parameter::OutputBias),
        ("mlp.c_fc", Parameter::Up, Parameter::UpBias),
        ("mlp.c_proj", Parameter::Down, Parameter::DownBias),
    ] {
        let shape = matrix.shape(config);
        let rows = of(matrix);
        let column = |column| rows.iter().skip(column).step_by(shape.columns);
        let turned: Vec<f32> = (0..shape.columns).flat_map(column).copied().collect();
        push(&format!("{name}.weight"), &[shape.columns, shape.rows], turned.into());
        push(&format!("{name}.bias"), &[shape.rows], or_zeros(of(bias), shape.rows));
    }
}

/// Matrices are `[outputs, inputs]`, and the rows of queries and keys are in halves of a head.
fn llama_layer<'p>(
    config: &Config,
    parameters: &'p Parameters<f32>,
    layer: usize,
    tensors: &mut Vec<Tensor<'p>>,
) {
    let &Config { width, hidden, .. } = config;
    let kv = config.kv_width();
    let mut push = |name: &str, shape: &[usize], values| {
        tensors.push(Tensor { name: format!("model.layers.{layer}.{name}"), shape: shape.into(), values });
    };
    push("input_layernorm.weight", &[width], parameters.layer(Parameter::AttentionNormGain, layer).into());
    push("post_attention_layernorm.weight", &[width], parameters.layer(Parameter::MlpNormGain, layer).into());
    let qkv = (Parameter::Qkv, Parameter::QkvBias, width);
    let up = (Parameter::Up, Parameter::UpBias, width);
    for (name, (matrix, bias, columns), from, rows, turned) in [
        ("self_attn.q_proj", qkv, 0, width, true),
        ("self_attn.k_proj", qkv, width, kv, true),
        ("self_attn.v_proj", qkv, width + kv, kv, false),
        ("self_attn.o_proj", (Parameter::Output, Parameter::OutputBias, width), 0, width, false),
        ("mlp.gate_proj", up, 0, hidden, false),
        ("mlp.up_proj", up, hidden, hidden, false),
        ("mlp.down_proj", (Parameter::Down, Parameter::DownBias, hidden), 0, width, false),
    ] {
        let part = |values: &'p [f32], columns: usize| -> Cow<'p, [f32]> {
            let values = &values[from * columns..(from + rows) * columns];
            if turned { halves(values, config.head_size(), columns).into() } else { values.into() }
        };
        push(&format!("{name}.weight"), &[rows, columns], part(parameters.layer(matrix, layer), columns));
        if config.bias {
            push(&format!("{name}.bias"), &[rows], part(parameters.layer(bias, layer), 1));
        }
    }
}

/// Rows `[heads * head, columns]` with the channels that turn together in halves of a head, not side by side.
fn halves(rows: &[f32], head: usize, columns: usize) -> Vec<f32> {
    let mut turned = vec![0.0; rows.len()];
    for (row, place) in rows.chunks_exact(columns).zip(interleaved(rows.len() / columns, head)) {
        turned[place * columns..(place + 1) * columns].copy_from_slice(row);
    }
    turned
}

fn or_zeros(values: &[f32], length: usize) -> Cow<'_, [f32]> {
    if values.is_empty() { vec![0.0; length].into() } else { values.into() }
}
