//! A server's certificates as evidence: who they are for, who issued them, how long they
//! hold, and they themselves.
//!
//! Owns that text. Must not judge: that is TLS's.

use std::fmt::Write as _;
use std::net::IpAddr;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;

use super::page::Piece;

/// The most certificates of a chain.
const MOST: usize = 10;
/// The most names of a certificate that are listed.
const NAMES: usize = 50;

/// What hosts sent (DER, the host's own first) as text; `None` where nobody sent any.
pub fn piece(chains: &[(String, Vec<Vec<u8>>)]) -> Option<Piece> {
    if chains.iter().all(|(_, chain)| chain.is_empty()) {
        return None;
    }
    let mut out = String::new();
    for (host, chain) in chains {
        let _ = writeln!(out, "sent by {host}\n");
        for (number, der) in chain.iter().take(MOST).enumerate() {
            describe(&mut out, number + 1, der);
        }
    }
    Some(Piece::new("certificates", "text/plain;charset=utf-8", out))
}

/// A name as a browser's address bar writes it.
fn name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => {
            match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(v4), _) => IpAddr::from(v4).to_string(),
                (_, Ok(v6)) => IpAddr::from(v6).to_string(),
                _ => name.to_string(),
            }
        }
        _ => name.to_string(),
    }
}

fn describe(out: &mut String, number: usize, der: &[u8]) {
    let _ = writeln!(out, "certificate {number}");
    match x509_parser::parse_x509_certificate(der) {
        Ok((_, certificate)) => {
            let valid = certificate.validity();
            let _ = writeln!(out, "subject:     {}", certificate.subject());
            let _ = writeln!(out, "issuer:      {}", certificate.issuer());
            let _ = writeln!(out, "not before:  {}", valid.not_before);
            let _ = writeln!(out, "not after:   {}", valid.not_after);
            let _ = writeln!(out, "serial:      {}", certificate.raw_serial_as_string());
            if let Ok(Some(names)) = certificate.subject_alternative_name() {
                let names = names.value.general_names.iter().take(NAMES);
                let names: Vec<String> = names.map(name).collect();
                let _ = writeln!(out, "names:       {}", names.join(", "));
            }
        }
        Err(error) => {
            let _ = writeln!(out, "it cannot be read: {error}");
        }
    }
    let _ = writeln!(
        out,
        "SHA-256:     {}",
        HEXLOWER.encode(&Sha256::digest(der))
    );
    out.push_str("-----BEGIN CERTIFICATE-----\n");
    let text = BASE64.encode(der);
    for start in (0..text.len()).step_by(64) {
        let _ = writeln!(out, "{}", &text[start..text.len().min(start + 64)]);
    }
    out.push_str("-----END CERTIFICATE-----\n\n");
}
