//! A sweep as a picture: the loss over the number of layers, a colour for each vocabulary, a line for each round.

use std::fmt::Display;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::files;
use crate::sizing::sweep::{Candidate, ranking};

const SIZE: (u32, u32) = (800, 480);
/// The palette of Okabe and Ito, whose colours colour-blind people can distinguish.
const COLORS: [RGBColor; 5] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
];

/// The points `(layers, bits per byte)` of one vocabulary in one round, by the number of layers.
fn line(candidates: &[Candidate], vocab: usize, round: usize) -> Vec<(f64, f64)> {
    let of_it = candidates.iter().filter(|candidate| candidate.config.vocab == vocab);
    let point =
        |candidate: &Candidate| Some((candidate.config.layers as f64, candidate.trials.get(round)?.bits));
    let mut points: Vec<_> = of_it.filter_map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// An SVG of all trials; empty without trials.
///
/// # Errors
/// If drawing fails.
pub fn svg(candidates: &[Candidate], title: &str) -> Result<String> {
    let mut svg = String::new();
    if !ranking(candidates).is_empty() {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, candidates, title)?;
        area.present().map_err(failed)?;
    }
    Ok(files::marked_plot(&svg))
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    candidates: &[Candidate],
    title: &str,
) -> Result<()> {
    area.fill(&WHITE).map_err(failed)?;
    let ranked = ranking(candidates);
    let bits = || ranked.iter().flat_map(|candidate| &candidate.trials).map(|trial| trial.bits);
    let (least, most) = (bits().fold(f64::INFINITY, f64::min), bits().fold(0.0, f64::max));
    let room = (0.08 * (most - least)).max(0.01);
    let deepest = ranked.iter().map(|candidate| candidate.config.layers).max().unwrap_or(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(0.5..deepest + 0.5, least - room..most + room)
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("layers, as wide as the budget allows").y_desc("bits per byte of unseen text");
    mesh.label_style(("sans-serif", 14)).light_line_style(TRANSPARENT).x_labels(deepest as usize + 1);
    mesh.x_label_formatter(&|layers| format!("{layers:.0}")).y_label_formatter(&|bits| format!("{bits:.2}"));
    mesh.draw().map_err(failed)?;
    let mut vocabs: Vec<usize> = ranked.iter().map(|candidate| candidate.config.vocab).collect();
    vocabs.sort_unstable();
    vocabs.dedup();
    let rounds = ranked[0].trials.len();
    for (&vocab, color) in vocabs.iter().zip(COLORS.iter().cycle()) {
        for round in 0..rounds {
            let (points, width) = (line(candidates, vocab, round), 1 + round as u32);
            let style = color.mix(if round + 1 == rounds { 1.0 } else { 0.5 }).stroke_width(width);
            let drawn = chart.draw_series(LineSeries::new(points.iter().copied(), style)).map_err(failed)?;
            if round == 0 {
                let key = *color;
                drawn.label(format!("{vocab} tokens"));
                drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], key.stroke_width(2)));
            }
            let dots = points.iter().map(|&point| Circle::new(point, 2 + width, style.filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
    }
    let best = ranked[0];
    let at = (best.config.layers as f64, best.trials[rounds - 1].bits);
    let ring = EmptyElement::at(at)
        + Circle::new((0, 0), 10, BLACK.stroke_width(2))
        + Text::new("best", (12, -18), ("sans-serif", 14));
    chart.draw_series([ring]).map_err(failed)?;
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::UpperRight).background_style(WHITE).border_style(BLACK.mix(0.2));
    legend.label_font(("sans-serif", 14)).margin(8);
    legend.draw().map_err(failed)
}

fn failed(error: impl Display) -> anyhow::Error {
    anyhow!("cannot draw the sweep: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::presets::STORIES_260K;
    use crate::sizing::sweep::Trial;
    use pipsqueak::Config;

    fn candidate(layers: usize, vocab: usize, bits: &[f64]) -> Candidate {
        let trials = bits.iter().map(|&bits| Trial { steps: 100, bits }).collect();
        let config = Config { layers, vocab, ..STORIES_260K };
        Candidate { config, vocabulary: 0, seconds_a_step: 0.1, seconds_to_measure: 0.1, trials }
    }

    #[test]
    fn every_trial_is_a_dot_and_the_best_is_ringed() {
        let candidates = [
            candidate(3, 512, &[1.5, 1.3]),
            candidate(1, 512, &[1.7]),
            candidate(2, 256, &[1.6, 1.35]),
            candidate(4, 256, &[]),
        ];
        let svg = svg(&candidates, "stories for a chip").unwrap();
        for part in ["stories for a chip", "256 tokens", "512 tokens", "bits per byte", "best"] {
            assert!(svg.contains(part), "no «{part}» in {svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 5 + 1);
        assert_eq!(line(&candidates, 512, 0), [(1.0, 1.7), (3.0, 1.5)]);
        assert_eq!(super::svg(&candidates[3..], "").unwrap(), "");
    }
}
