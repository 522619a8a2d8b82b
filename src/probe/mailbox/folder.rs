//! How the name of a folder is written in IMAP: letters beyond ASCII in modified UTF-7 (RFC 3501,
//! 5.1.3).

use data_encoding::BASE64_NOPAD;

use super::MailError;

/// A folder's name as an argument of a command.
pub(super) fn quoted(folder: &str) -> Result<String, MailError> {
    if folder.chars().any(char::is_control) {
        return Err(MailError::Unusable(
            "the mailbox's folder has control characters in its name".to_owned(),
        ));
    }
    let encoded = modified_utf7(folder);
    let escaped = encoded.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

fn modified_utf7(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // The run of letters beyond ASCII that is not written yet, in UTF-16.
    let mut beyond = Vec::new();
    for c in text.chars() {
        if !c.is_ascii() {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            beyond.extend(units.flat_map(|unit| unit.to_be_bytes()));
            continue;
        }
        end_run(&mut beyond, &mut out);
        out.push(c);
        if c == '&' {
            out.push('-');
        }
    }
    end_run(&mut beyond, &mut out);
    out
}

fn end_run(beyond: &mut Vec<u8>, out: &mut String) {
    if !beyond.is_empty() {
        let base64 = BASE64_NOPAD.encode(beyond).replace('/', ",");
        out.push('&');
        out.push_str(&base64);
        out.push('-');
        beyond.clear();
    }
}
