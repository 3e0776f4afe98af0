//! Answers from a list and no others, and how likely each would have been: classification with a language model.

use pipsqueak::{Choices, Embedded, Error, Sampling, include_model};

static STORIES: &Embedded = include_model!("../models/tiny.pip");

const PROMPT: &str = "Once upon a time there was a little";
const ANSWERS: [&str; 3] = [" girl", " boy", " mouse"];

fn main() -> Result<(), Error> {
    let generator = STORIES.generator()?;

    // Which answer is likeliest? The prompt is read once, and stays as it is.
    generator.start(PROMPT, Sampling { temperature: 1.0, ..Sampling::default() }, 0)?;
    let scores = generator.scores(ANSWERS)?;
    println!("{PROMPT} …");
    for (answer, score) in ANSWERS.iter().zip(scores) {
        println!("{answer:>8}: probability {:.3}", score.exp());
    }

    // One of them, drawn token by token: the model can write nothing else. The prompt is not read again.
    let choices = Choices::<24>::new(generator.model().tokenizer(), &ANSWERS)?;
    let beginning = generator.prefix();
    let mut counts = [0; ANSWERS.len()];
    for seed in 0..100 {
        generator.return_to(&beginning, seed)?;
        counts[generator.choose(&choices)] += 1;
    }
    println!("drawn a hundred times: {counts:?}");

    // The story goes on from the answer that was drawn last.
    for _ in 0..20 {
        print!("{}", generator.next_piece().unwrap_or_default());
    }
    println!(" …");
    Ok(())
}
