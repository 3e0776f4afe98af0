//! `pipsqueak explain`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use pipsqueak::Generator;

use super::beginning::Beginning;
use super::options::whole;
use super::output::{remark, say};
use crate::explain::{Expert, Explanation, Head, Layer, Part, Row, Sampled, explain, html};
use crate::export::decoding::OwnedMemory;
use crate::export::model_file::ModelFile;
use crate::files::{self, Files, Kind};

/// Rows and columns of a table that are printed as digits.
const DIGITS_MAX: usize = 12;
/// Candidates that are printed.
const CANDIDATES: usize = 10;
/// Heads whose attention is printed unasked.
const HEADS_MAX: usize = 8;
/// Columns of the output, where it is no terminal.
const COLUMNS: usize = 100;

/// Show how a model comes to its next token: every number on the way, as the board computes it.
///
/// A model of a few numbers is printed whole. Of a larger one you see what each head of attention looks at, and what the next token is
/// chosen among; --position prints all numbers of one position, and --html writes a page for the browser with all of them.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak explain --model toy.pip --prompt 'the'
  pipsqueak explain --model stories.pip --prompt 'Once upon a time' --html once.html
  pipsqueak explain --model stories.pip --prompt 'Once upon a time' --layer 3 --head 1
  pipsqueak explain --model stories.pip --prompt 'Once upon a time' --layer 0 --position 2
  pipsqueak explain --model stories.pip --prompt 'Once upon a time' --after 20 --json token.json

Layers, heads and positions count from 0.")]
pub struct Explain {
    /// The model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    beginning: Beginning,
    /// Write so many tokens first, and explain the one behind them
    #[arg(long, value_name = "TOKENS", default_value_t = 0, value_parser = whole::<u32>(0..=u64::from(u32::MAX)))]
    after: u32,
    /// Show this layer alone
    #[arg(long, value_name = "LAYER", value_parser = whole::<u32>(0..=u64::from(u32::MAX)))]
    layer: Option<u32>,
    /// Show this head alone
    #[arg(long, value_name = "HEAD", value_parser = whole::<u32>(0..=u64::from(u32::MAX)))]
    head: Option<u32>,
    /// Print all numbers of this position
    #[arg(long, value_name = "POSITION", value_parser = whole::<u32>(0..=u64::from(u32::MAX)))]
    position: Option<u32>,
    /// Write a page for the browser with all numbers and their formulas
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write all numbers as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Explain {
    pub(super) fn run(self) -> Result<()> {
        let outputs = [("--html", &self.html, Kind::Page), ("--json", &self.json, Kind::Explanation)];
        let mut files = Files::default();
        files.reads("--model", &self.model);
        for (option, path, kind) in outputs {
            path.iter().for_each(|path| files.writes(option, path, kind));
        }
        files.check()?;
        let explanation = self.explain()?;
        self.print(&explanation)?;
        if let Some(path) = &self.html {
            let page = html::page(&explanation)?;
            files::write(path, Kind::Page, |out| out.write_all(page.as_bytes()))?;
            say!("\n{} has every number: open it in a browser", path.display());
        }
        if let Some(path) = &self.json {
            let json = files::marked_explanation(&serde_json::to_string(&explanation)?);
            files::write(path, Kind::Explanation, |out| out.write_all(json.as_bytes()))?;
            say!("\n{} has every number", path.display());
        }
        Ok(())
    }

    fn explain(&self) -> Result<Explanation> {
        let file = ModelFile::read(&self.model)?;
        let model = file.model()?;
        let prompt = self.beginning.readable(model.tokenizer())?;
        let mut memory = OwnedMemory::of(&model);
        let mut generator = Generator::new(model, memory.buffers())?;
        let (sampling, seed) = (self.beginning.sampling(), self.beginning.seed);
        generator.start(prompt, sampling, seed)?;
        while generator.tokens() < self.after {
            ensure!(
                generator.next_token().is_some(),
                "--after is {}, and the text ends after {} tokens",
                self.after,
                generator.tokens()
            );
        }
        let index = |asked: Option<u32>| asked.map(|asked| asked as usize);
        let part = Part { layer: index(self.layer), head: index(self.head) };
        explain(&mut generator, Sampled::of(&sampling, seed), part)
    }

    fn print(&self, explanation: &Explanation) -> Result<()> {
        let Explanation { config, tokens, pieces, .. } = explanation;
        let positions = tokens.len();
        if let Some(position) = self.position.map(|position| position as usize) {
            ensure!(
                position < positions,
                "--position is {position}, and the text has {positions} tokens, from 0"
            );
            print_position(explanation, position);
        } else if config.width <= DIGITS_MAX && positions <= DIGITS_MAX {
            print_whole(explanation);
        } else {
            self.print_attention(explanation);
        }
        print_choice(explanation);
        say!("\nThe text: {}{}", pieces.concat(), explanation.next.as_ref().map_or("", |(_, piece)| piece));
        Ok(())
    }

    /// Of a large model's layers the last one, unless another was asked for.
    fn print_attention(&self, explanation: &Explanation) {
        let Explanation { layers, config, .. } = explanation;
        let heads: usize = layers.iter().map(|layer| layer.heads.len()).sum();
        let shown = if heads > HEADS_MAX { layers.len().saturating_sub(1) } else { 0 };
        if shown > 0 {
            remark!("[the last of {} layers: --layer shows another, and --html all of them]", config.depth());
        }
        for layer in &layers[shown..] {
            layer.heads.iter().for_each(|head| print_shades(explanation, layer, head));
        }
    }
}

/// A part of an explanation, as it is printed.
enum Shown<'e> {
    Heading(String),
    /// A row for each position.
    Table(String, &'e [Row]),
    /// A row for each position and each of its experts.
    Experts(&'static str, &'e Layer, &'e [Row]),
    /// A row for each position, with a column for each that it sees.
    Triangle(String, &'e [Row]),
    Shares(&'e Layer, &'e Head),
}

/// All parts, in the order of their computation.
fn parts(explanation: &Explanation) -> Vec<Shown<'_>> {
    let table = |title: &str, rows| Shown::Table(title.into(), rows);
    let mut parts = vec![
        table("embedding", &explanation.token_embeddings[..]),
        table("position vector", &explanation.position_vectors),
        table("the sum, which enters the layers", &explanation.embedding),
    ];
    for layer in &explanation.layers {
        parts.push(Shown::Heading(format!("LAYER {}: ATTENTION", layer.index)));
        parts.push(table("input", &layer.attention_input));
        for head in &layer.heads {
            for (name, rows) in [("query", &head.queries), ("key", &head.keys), ("value", &head.values)] {
                parts.push(Shown::Table(format!("head {}: {name}", head.index), rows));
            }
            parts.push(Shown::Triangle(format!("head {}: scores", head.index), &head.scores));
            parts.push(Shown::Shares(layer, head));
        }
        parts.extend([
            table("the heads' results, side by side", &layer.attended),
            table("through the output matrix", &layer.attention_output),
            table("the stream", &layer.attention_residual),
            Shown::Heading(format!("LAYER {}: MLP", layer.index)),
            table("input", &layer.mlp_input),
            table("router", &layer.router),
            Shown::Experts("units", layer, &layer.units),
            Shown::Experts("after the activation function", layer, &layer.activated),
            Shown::Experts("output", layer, &layer.mlp_output),
            table("the stream", &layer.mlp_residual),
        ]);
    }
    parts.push(table("output, which the logits are computed from", &explanation.final_input));
    parts
}

/// All numbers of a small model.
fn print_whole(explanation: &Explanation) {
    let names = names(explanation);
    for part in parts(explanation) {
        match part {
            Shown::Heading(heading) => say!("\n{heading}"),
            Shown::Table(title, rows) => print_table(&title, &names, &[], rows),
            Shown::Experts(title, layer, rows) => {
                print_table(title, &expert_names(explanation, layer), &[], rows);
            }
            Shown::Triangle(title, rows) => {
                print_table(&format!("{title}, masked behind each position"), &names, &names, rows);
            }
            Shown::Shares(layer, head) => print_shades(explanation, layer, head),
        }
    }
}

/// All numbers of one position.
fn print_position(explanation: &Explanation, position: usize) {
    say!("position {position}: {}", names(explanation)[position]);
    let vector =
        |title: &str, rows: &[Row]| rows.get(position).iter().for_each(|row| print_vector(title, row));
    for part in parts(explanation) {
        match part {
            Shown::Heading(heading) => say!("\n{heading}"),
            Shown::Table(title, rows) | Shown::Triangle(title, rows) => vector(&title, rows),
            Shown::Shares(_, head) => vector(&format!("head {}: shares", head.index), &head.weights),
            Shown::Experts(title, layer, rows) if layer.experts.is_empty() => vector(title, rows),
            Shown::Experts(title, layer, rows) => {
                let active = explanation.config.active_experts;
                let experts = layer.experts.iter().zip(rows).skip(active * position).take(active);
                for (expert, row) in experts {
                    let share =
                        format!("expert {}, with probability {:.3}", expert.index, expert.probability);
                    print_vector(&format!("{title} of {share}"), row);
                }
            }
        }
    }
}

/// A row's numbers, as many to a line as it has room for.
fn print_vector(title: &str, row: &Row) {
    say!("\n{title} [{}]{}", row.values.len(), unit(row));
    for line in row.values.chunks((columns() / 9).max(1)) {
        say!("{}", line.iter().map(|value| format!(" {value:8.3}")).collect::<String>());
    }
}

fn unit(row: &Row) -> String {
    if row.integers.is_empty() { String::new() } else { format!(": integers times {:.4e}", row.unit) }
}

/// A table with a row for each position, and columns with numbers or names.
fn print_table(title: &str, names: &[String], columns: &[String], rows: &[Row]) {
    let Some(first) = rows.last() else { return };
    let (count, margin) = (first.values.len(), margin(names));
    say!("\n{title} [{}, {count}]", rows.len());
    let column = |i: usize| columns.get(i).cloned().unwrap_or_else(|| i.to_string());
    let width = columns.iter().map(|name| name.chars().count() + 1).max().unwrap_or(0).max(8);
    let room = (self::columns().saturating_sub(margin) / width).max(1);
    for start in (0..count).step_by(room) {
        let shown = start..count.min(start + room);
        say!("{:margin$}{}", "", shown.clone().map(|i| format!("{:>width$}", column(i))).collect::<String>());
        for (name, row) in names.iter().zip(rows) {
            let values = row.values.get(start..shown.end.min(row.values.len())).unwrap_or_default();
            let values: String = values.iter().map(|value| format!("{value:>width$.3}")).collect();
            say!("{name}{:pad$}{values}", "", pad = margin - name.chars().count());
        }
    }
}

/// A head's attention as a triangle of shades: a row for each position, a column for each that it sees.
fn print_shades(explanation: &Explanation, layer: &Layer, head: &Head) {
    let names = names(explanation);
    let margin = margin(&names);
    say!("\nlayer {}, head {}: how much each position takes of those up to it", layer.index, head.index);
    let room = (columns().saturating_sub(margin + 1) / 2).max(1);
    let first = names.len().saturating_sub(room);
    if first > 0 {
        say!("(the columns are the last {room} positions)");
    }
    for (name, row) in names.iter().zip(&head.weights) {
        let seen = row.values.get(first..).unwrap_or_default();
        let shades: String = seen.iter().map(|&share| shade(share)).collect();
        let most = (0..row.values.len()).max_by(|&a, &b| row.values[a].total_cmp(&row.values[b]));
        let most = most.filter(|_| shades.chars().count() + margin + 24 < columns());
        let most = most.map_or(String::new(), |i| {
            format!("  {:3.0} % {}", 100.0 * row.values[i], names[i].trim_start())
        });
        say!("{name}{:pad$}{shades}{most}", "", pad = margin - name.chars().count());
    }
}

/// A share as two characters, the darker the more.
fn shade(share: f32) -> &'static str {
    match share {
        share if share >= 0.8 => "██",
        share if share >= 0.5 => "▓▓",
        share if share >= 0.2 => "▒▒",
        share if share >= 0.05 => "░░",
        _ => "··",
    }
}

fn print_choice(explanation: &Explanation) {
    let Sampled { temperature, top_k, top_p, seed, .. } = explanation.sampling;
    say!("\nTHE NEXT TOKEN, at temperature {temperature}, top-k {top_k}, top-p {top_p}, by seed {seed}");
    say!("  token                logit  probability  drawn with");
    for candidate in explanation.candidates.iter().take(CANDIDATES) {
        let is_next = explanation.next.as_ref().is_some_and(|(token, _)| *token == candidate.token);
        let out = match (candidate.in_top_k, candidate.in_top_p) {
            (false, _) => "  out by top-k",
            (true, false) => "  out by top-p",
            (true, true) => "",
        };
        say!(
            "{} {} {:9.3} {:10.2} % {:9.2} %{out}",
            if is_next { "▶" } else { " " },
            padded(&shown(&candidate.piece), 16),
            candidate.logit,
            100.0 * candidate.probability,
            100.0 * candidate.drawn,
        );
    }
    match &explanation.next {
        Some((_, piece)) => say!("chosen: {}", shown(piece)),
        None => say!("chosen: the end of the text"),
    }
}

/// Each position with its token.
fn names(explanation: &Explanation) -> Vec<String> {
    let width = explanation.pieces.len().saturating_sub(1).to_string().len();
    let pieces = explanation.pieces.iter().enumerate();
    pieces.map(|(position, piece)| format!("{position:>width$} {}", shown(piece))).collect()
}

/// Each position with its token, for each of its experts where there are such.
fn expert_names(explanation: &Explanation, layer: &Layer) -> Vec<String> {
    let names = names(explanation);
    if layer.experts.is_empty() {
        return names;
    }
    let named = |(row, expert): (usize, &Expert)| {
        format!("{}, expert {}", names[row / explanation.config.active_experts], expert.index)
    };
    layer.experts.iter().enumerate().map(named).collect()
}

fn margin(names: &[String]) -> usize {
    names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 2
}

/// A token as it can be read: spaces and line ends have signs of their own.
fn shown(piece: &str) -> String {
    let signs = piece.chars().map(|c| match c {
        ' ' => '␣',
        '\n' => '↵',
        '\t' => '⇥',
        c if c.is_control() => '�',
        c => c,
    });
    let signs: String = signs.collect();
    if signs.is_empty() { "∅".into() } else { signs }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{:pad$}", "", pad = width.saturating_sub(text.chars().count()))
}

fn columns() -> usize {
    let terminal = console::Term::stdout();
    if terminal.is_term() { usize::from(terminal.size().1).max(40) } else { COLUMNS }
}
