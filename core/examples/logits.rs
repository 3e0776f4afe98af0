//! Prints the model's five likeliest next tokens, with their probabilities.

use pipsqueak::{Embedded, Error, Sampling, include_model};

static STORIES: &Embedded = include_model!("../models/tiny.pip");

fn main() -> Result<(), Error> {
    let generator = STORIES.generator()?;
    let tokenizer = *generator.model().tokenizer();
    for prompt in ["Once upon a", "Once upon a time there was a little", "\"Good night,\" said"] {
        generator.start(prompt, Sampling::GREEDY, 0)?;
        let logits = generator.logits();

        // Softmax: probabilities are proportional to e^logit. With the largest taken off first, nothing overflows.
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        let mut likeliest: Vec<(usize, f32)> = logits.iter().copied().enumerate().collect();
        likeliest.sort_by(|a, b| b.1.total_cmp(&a.1));

        println!("{prompt} …");
        for &(token, logit) in &likeliest[..5] {
            let text = String::from_utf8_lossy(&tokenizer.decode(token as u16)).into_owned();
            println!("  {:>5.1} %  {text:?}", 100.0 * (logit - largest).exp() / sum);
        }
    }
    Ok(())
}
