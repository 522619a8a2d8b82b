//! `siaga offices`: the immigration offices and their codes.

use std::process::ExitCode;

use serde_json::json;

use super::table::table;
use super::terminal::{eprintln, print, println};
use crate::domain::office::{self, Office};

/// List the immigration offices with the codes that accounts and reports name them by.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only offices in whose code, name, seat or province all of these words stand.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Prints them by province and name. Exit 1 where there is none.
pub fn run(args: &Args) -> ExitCode {
    let words: Vec<String> = args.words.iter().map(|word| word.to_lowercase()).collect();
    let found: Vec<&Office> = office::all()
        .iter()
        .filter(|office| words.iter().all(|word| names(office, word)))
        .collect();
    if args.json {
        let list: Vec<serde_json::Value> = found.iter().map(|office| entry(office)).collect();
        println!("{}", json!(list));
    } else if !found.is_empty() {
        let rows: Vec<[String; 6]> = found
            .iter()
            .map(|office| {
                [
                    office.code.clone(),
                    office.name.clone(),
                    office.class.clone(),
                    office.seat.clone(),
                    office.province.clone(),
                    zone(office).to_owned(),
                ]
            })
            .collect();
        let headings = ["CODE", "NAME", "CLASS", "SEAT", "PROVINCE", "ZONE"];
        print!("{}", table(headings, &rows));
    }
    if found.is_empty() {
        eprintln!("siaga: no office is named so; without a word all are listed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn names(office: &Office, word: &str) -> bool {
    [&office.code, &office.name, &office.seat, &office.province]
        .iter()
        .any(|text| text.to_lowercase().contains(word))
}

fn entry(office: &Office) -> serde_json::Value {
    json!({
        "code": office.code,
        "name": office.name,
        "class": office.class,
        "seat": office.seat,
        "province": office.province,
        "time_zone": office.time_zone,
    })
}

/// As people in Indonesia call it.
fn zone(office: &Office) -> &'static str {
    match office.time_zone.as_str() {
        "Asia/Makassar" => "WITA",
        "Asia/Jayapura" => "WIT",
        _ => "WIB",
    }
}
