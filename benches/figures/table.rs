//! The one table at the end, and the arithmetic of rounds.

/// One line of the table.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) figure: String,
    /// Siaga's value, with its unit.
    pub(crate) measured: String,
    /// The reference's value in the same run.
    pub(crate) reference: String,
    /// The first by the second, where there is a second.
    pub(crate) ratio: Option<f64>,
    /// What was promised; none for what is only told.
    pub(crate) target: String,
    /// Whether the promise is kept.
    pub(crate) met: Option<bool>,
}

impl Row {
    /// A figure that could not be measured.
    pub(crate) fn failed(name: &str, cause: &str) -> Row {
        Row {
            figure: format!("{name}: {cause}"),
            measured: "–".to_owned(),
            reference: "–".to_owned(),
            ratio: None,
            target: "–".to_owned(),
            met: None,
        }
    }

    /// A ratio that may be at most this.
    pub(crate) fn at_most(figure: &str, most: f64, measured: (f64, &str), reference: f64) -> Row {
        let ratio = measured.0 / reference;
        let row = Row::told(figure, measured, reference);
        Row {
            target: format!("≤ {most}×"),
            met: Some(ratio <= most),
            ..row
        }
    }

    /// A ratio that must be at least this.
    pub(crate) fn at_least(figure: &str, least: f64, measured: (f64, &str), reference: f64) -> Row {
        let ratio = measured.0 / reference;
        let row = Row::told(figure, measured, reference);
        Row {
            target: format!("≥ {least}×"),
            met: Some(ratio >= least),
            ..row
        }
    }

    /// A ratio that nothing was promised of.
    pub(crate) fn told(figure: &str, (value, unit): (f64, &str), reference: f64) -> Row {
        Row {
            figure: figure.to_owned(),
            measured: format!("{} {unit}", number(value)),
            reference: format!("{} {unit}", number(reference)),
            ratio: Some(value / reference),
            target: "–".to_owned(),
            met: None,
        }
    }
}

/// As many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// The middle of the values; of an even number the mean of the two in the middle. Zero of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.as_slice() {
        [] => 0.0,
        all if all.len() % 2 == 1 => all[middle],
        all => f64::midpoint(all[middle - 1], all[middle]),
    }
}

/// Prints the table.
pub(crate) fn print(rows: &[Row], load_before: f64, load_after: f64) {
    println!("\nLoad average (1 min): {load_before:.2} before, {load_after:.2} after");
    let cells = rows.iter().map(|row| {
        [
            row.figure.clone(),
            row.measured.clone(),
            row.reference.clone(),
            row.ratio
                .map_or("–".to_owned(), |ratio| format!("{ratio:.2}×")),
            row.target.clone(),
            match row.met {
                Some(true) => "met",
                Some(false) => "NOT MET",
                None => "–",
            }
            .to_owned(),
        ]
    });
    let head = ["figure", "measured", "reference", "ratio", "target", ""].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3, 4, 5].map(width);
    for (index, line) in lines.iter().enumerate() {
        let padded: Vec<String> = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("| {} |", padded.join(" | "));
        if index == 0 {
            println!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|"));
        }
    }
}
