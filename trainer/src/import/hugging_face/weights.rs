//! The weights of a Hugging Face folder, in this crate's layout.
//!
//! Llama's rotary positions turn channel `i` of a head together with channel `i + head / 2`, and the core's turn `2i` with
//! `2i + 1`. Since a score is a sum over channels, their order does not matter as long as queries and keys share it; so the
//! rows that make them are put into the core's order.

use std::collections::HashSet;

use anyhow::{Result, bail, ensure};
use pipsqueak::Config;
use pipsqueak::internal::Parameter;

use super::config::Family;
use super::tensors::Tensors;
use crate::import::renumbered;
use crate::training::parameters::Parameters;

/// Reads every weight of a model of this `config`, with the rows of its ids in the order of `original_ids`.
///
/// # Errors
/// A tensor that is missing, has another shape, or is not a part of such a model.
pub fn read(
    tensors: &Tensors,
    family: Family,
    config: &Config,
    original_ids: &[usize],
) -> Result<Parameters<f32>> {
    let source = Source { tensors, prefix: prefix(tensors, family), family, config, original_ids };
    source.refuse_others()?;
    // Before memory is taken: a config may ask for terabytes that the files do not have. Biases may be missing.
    let (needs, has) = (Parameters::<f32>::bytes(config) as u64, 4 * tensors.count());
    ensure!(
        needs / 2 <= has,
        "the weights have {has} bytes in f32, and by config.json they must have {needs}"
    );
    let mut parameters = Parameters::zeros(config);
    let mut set = |parameter, layer, values: Vec<f32>| {
        parameters.layer_mut(parameter, layer).copy_from_slice(&values);
    };
    set(Parameter::Embedding, 0, source.token_rows(source.embedding())?);
    if let Some(name) = source.positions() {
        set(Parameter::Positions, 0, tensors.read(&name, &[config.context, config.width])?);
    }
    if !config.tied {
        set(Parameter::LmHead, 0, source.token_rows(source.head())?);
    }
    for (parameter, name) in source.final_norm() {
        set(parameter, 0, tensors.read(&name, &[config.width])?);
    }
    for layer in 0..config.layers {
        source.layer(layer, &mut |parameter, values| set(parameter, layer, values))?;
    }
    Ok(parameters)
}

/// The prefix of every name but the head's: the model's name, or nothing where the inner model was saved; before that,
/// PyTorch's mark of a compiled model.
fn prefix(tensors: &Tensors, family: Family) -> String {
    let (module, known) = match family {
        Family::Gpt2 | Family::NanoGpt => ("transformer.", "wte.weight"),
        Family::Llama => ("model.", "embed_tokens.weight"),
    };
    let compiled = ["", "_orig_mod."].into_iter();
    let all = compiled.flat_map(|mark| [format!("{mark}{module}"), mark.to_string()]);
    all.into_iter().find(|prefix| tensors.has(&format!("{prefix}{known}"))).unwrap_or(module.into())
}

struct Source<'a> {
    tensors: &'a Tensors,
    prefix: String,
    family: Family,
    config: &'a Config,
    original_ids: &'a [usize],
}

type Set<'s> = dyn FnMut(Parameter, Vec<f32>) + 's;

impl Source<'_> {
    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn is_llama(&self) -> bool {
        self.family == Family::Llama
    }

    fn embedding(&self) -> String {
        self.named(if self.is_llama() { "embed_tokens.weight" } else { "wte.weight" })
    }

    fn positions(&self) -> Option<String> {
        (!self.is_llama()).then(|| self.named("wpe.weight"))
    }

    /// The head stands beside the inner model.
    fn head(&self) -> String {
        let mark = if self.prefix.starts_with("_orig_mod.") { "_orig_mod." } else { "" };
        format!("{mark}lm_head.weight")
    }

    fn final_norm(&self) -> Vec<(Parameter, String)> {
        let name = if self.is_llama() { "norm" } else { "ln_f" };
        self.norm(Parameter::FinalNormGain, Parameter::FinalNormBias, name)
    }

    fn norm(&self, gain: Parameter, bias: Parameter, name: &str) -> Vec<(Parameter, String)> {
        let mut both = vec![(gain, self.named(&format!("{name}.weight")))];
        if !bias.shape(self.config).is_empty() {
            both.push((bias, self.named(&format!("{name}.bias"))));
        }
        both
    }

    /// Rows `[vocab, width]` in the order of the ids here.
    fn token_rows(&self, name: String) -> Result<Vec<f32>> {
        let Config { vocab, width, .. } = *self.config;
        Ok(renumbered(&self.tensors.read(&name, &[vocab, width])?, width, self.original_ids))
    }

    /// The weights of one layer.
    fn layer(&self, layer: usize, set: &mut Set<'_>) -> Result<()> {
        let folder = self.folder(layer);
        let norms = match self.family {
            Family::Llama => ["input_layernorm", "post_attention_layernorm"],
            _ => ["ln_1", "ln_2"],
        };
        let norms = norms.map(|name| format!("{folder}.{name}"));
        let attention = self.norm(Parameter::AttentionNormGain, Parameter::AttentionNormBias, &norms[0]);
        let mlp = self.norm(Parameter::MlpNormGain, Parameter::MlpNormBias, &norms[1]);
        for (parameter, name) in attention.into_iter().chain(mlp) {
            set(parameter, self.tensors.read(&name, &[self.config.width])?);
        }
        for (parameter, bias, parts) in self.linears() {
            self.linear(&folder, parameter, bias, parts, set)?;
        }
        Ok(())
    }

    fn folder(&self, layer: usize) -> String {
        format!("{}.{layer}", if self.is_llama() { "layers" } else { "h" })
    }

    /// The matrices of a layer and their biases, each with the parts that are stacked in it.
    fn linears(&self) -> [(Parameter, Parameter, Vec<Part>); 4] {
        let &Config { width, hidden, .. } = self.config;
        let kv = self.config.kv_width();
        let part = |name, rows, columns, turned| Part { name, rows, columns, turned };
        let [qkv, output, up, down] = match self.family {
            Family::Llama => [
                vec![
                    part("self_attn.q_proj", width, width, true),
                    part("self_attn.k_proj", kv, width, true),
                    part("self_attn.v_proj", kv, width, false),
                ],
                vec![part("self_attn.o_proj", width, width, false)],
                vec![part("mlp.gate_proj", hidden, width, false), part("mlp.up_proj", hidden, width, false)],
                vec![part("mlp.down_proj", width, hidden, false)],
            ],
            Family::Gpt2 | Family::NanoGpt => [
                vec![part("attn.c_attn", 3 * width, width, false)],
                vec![part("attn.c_proj", width, width, false)],
                vec![part("mlp.c_fc", hidden, width, false)],
                vec![part("mlp.c_proj", width, hidden, false)],
            ],
        };
        [
            (Parameter::Qkv, Parameter::QkvBias, qkv),
            (Parameter::Output, Parameter::OutputBias, output),
            (Parameter::Up, Parameter::UpBias, up),
            (Parameter::Down, Parameter::DownBias, down),
        ]
    }

    /// Reads a matrix and its bias; a bias that only some of the parts have is 0 in the others.
    fn linear(
        &self,
        folder: &str,
        matrix: Parameter,
        bias: Parameter,
        parts: Vec<Part>,
        set: &mut Set<'_>,
    ) -> Result<()> {
        let (mut rows, mut biases) = (Vec::new(), Vec::new());
        for part in parts {
            let name = self.named(&format!("{folder}.{}.weight", part.name));
            rows.extend(self.in_order(self.matrix(&name, &part)?, &part, part.columns));
            let name = self.named(&format!("{folder}.{}.bias", part.name));
            // Llama may have biases in attention alone, or in the MLP alone.
            let has = !self.is_llama() || self.tensors.has(&name);
            let values = if self.config.bias && has {
                self.tensors.read(&name, &[part.rows])?
            } else {
                vec![0.0; part.rows]
            };
            biases.extend(self.in_order(values, &part, 1));
        }
        set(matrix, rows);
        if self.config.bias {
            set(bias, biases);
        }
        Ok(())
    }

    /// `[rows, columns]`.
    fn matrix(&self, name: &str, part: &Part) -> Result<Vec<f32>> {
        let &Part { rows, columns, .. } = part;
        if self.family != Family::Gpt2 {
            return self.tensors.read(name, &[rows, columns]);
        }
        let inputs = self.tensors.read(name, &[columns, rows])?;
        let mut outputs = vec![0.0; inputs.len()];
        for (column, input) in inputs.chunks_exact(rows).enumerate() {
            input.iter().enumerate().for_each(|(row, &value)| outputs[row * columns + column] = value);
        }
        Ok(outputs)
    }

    /// Rows of queries and keys in the core's order, those of other parts as they are.
    fn in_order(&self, values: Vec<f32>, part: &Part, columns: usize) -> Vec<f32> {
        if !part.turned {
            return values;
        }
        let order = interleaved(part.rows, self.config.head_size());
        order.flat_map(|row| &values[row * columns..(row + 1) * columns]).copied().collect()
    }

    /// Refuses a tensor that the config does not speak of: the model would compute something else.
    fn refuse_others(&self) -> Result<()> {
        let mut known: HashSet<String> = HashSet::from([self.embedding(), self.head()]);
        known.extend(self.positions());
        known.extend(self.final_norm().into_iter().map(|(_, name)| name));
        for layer in 0..self.config.layers {
            let folder = self.folder(layer);
            let norms = ["input_layernorm", "post_attention_layernorm", "ln_1", "ln_2"];
            let linears = self.linears();
            let linears = linears.iter().flat_map(|(_, _, parts)| parts.iter().map(|part| part.name));
            for name in norms.into_iter().chain(linears) {
                known.insert(self.named(&format!("{folder}.{name}.weight")));
                if self.config.bias {
                    known.insert(self.named(&format!("{folder}.{name}.bias")));
                }
            }
        }
        if let Some((name, format)) = self.tensors.foreign().find(|(name, _)| !is_table(name)) {
            bail!("the tensor {name} is of {format}, which is not supported; it must be F32, F16 or BF16");
        }
        match self.tensors.names().filter(|name| !known.contains(*name) && !is_table(name)).min() {
            Some(name) => bail!(
                "the weights hold {name}, which no model of this config.json has; it cannot be imported"
            ),
            None => Ok(()),
        }
    }
}

/// A matrix of a checkpoint, which is all or a part of one here.
struct Part {
    name: &'static str,
    rows: usize,
    columns: usize,
    /// Whether rotary positions turn what its rows make.
    turned: bool,
}

/// For every row in the core's order, its place in Hugging Face's: halves of a head alternate.
pub fn interleaved(rows: usize, head: usize) -> impl Iterator<Item = usize> {
    (0..rows).map(move |row| {
        let (first, channel) = (row - row % head, row % head);
        first + channel / 2 + channel % 2 * (head / 2)
    })
}

/// Masks and angles, which older programs stored as if they were weights.
fn is_table(name: &str) -> bool {
    [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_head_alternate() {
        assert!(interleaved(8, 4).eq([0, 2, 1, 3, 4, 6, 5, 7]));
    }
}
