//! The personal data of a report as it lies in the database: sealed field by field with the
//! report's own key, which a master key wraps.

use super::super::conn::{statements, values};
use super::super::seal::{DataKey, MasterKeys, SealError};
use super::super::{Conn, Error};

statements! {
    SEALED_BY = "SELECT key_id, wrapped_key FROM reports WHERE id = $1";
}

/// `N` columns of what is sealed of a report.
#[derive(Clone)]
pub(in crate::store) struct Sealed<const N: usize> {
    /// The report's id, to which all of it is bound.
    pub(in crate::store) id: String,
    /// Id of the master key that wraps the report's key.
    pub(in crate::store) key_id: Option<String>,
    /// The report's key, wrapped.
    pub(in crate::store) wrapped_key: Option<Vec<u8>>,
    /// The columns by name, without `sealed_`.
    pub(in crate::store) columns: [(&'static str, Option<Vec<u8>>); N],
}

/// The personal data of a report.
#[derive(Clone, Default)]
pub struct Personal {
    /// Name of the holder.
    pub name: String,
    /// Nationality.
    pub nationality: Option<String>,
    /// Normalised passport number.
    pub passport_number: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// What the page said, in the reporter's words.
    pub message: Option<String>,
    /// Billing code.
    pub billing_code: Option<String>,
    /// Those of `name`, `nationality`, `passport`, `email`, `phone`, `message` and `billing` that
    /// were written and do not open: they were changed or moved. Empty above.
    pub broken: Vec<&'static str>,
}

/// Of each column its text, or why it does not open.
type Texts<const N: usize> = [Result<Option<String>, SealError>; N];

impl<const N: usize> Sealed<N> {
    /// The report's key, and the text of each column; `None` once the report is erased.
    pub(in crate::store) fn texts(
        &self,
        keys: &MasterKeys,
    ) -> Result<Option<(DataKey, Texts<N>)>, SealError> {
        let Some(key) = self.data_key(keys)? else {
            return Ok(None);
        };
        let texts = self.columns.each_ref().map(|(column, sealed)| {
            let Some(sealed) = sealed else {
                return Ok(None);
            };
            let plain = key.open("reports", column, &self.id, sealed)?;
            String::from_utf8(plain)
                .map(Some)
                .map_err(|_| SealError::Broken(format!("reports/{column}/{}", self.id)))
        });
        Ok(Some((key, texts)))
    }

    /// The report's key; `None` once it is erased.
    pub(in crate::store) fn data_key(
        &self,
        keys: &MasterKeys,
    ) -> Result<Option<DataKey>, SealError> {
        unwrap(
            keys,
            &self.id,
            self.key_id.as_deref(),
            self.wrapped_key.as_deref(),
        )
    }
}

impl Sealed<7> {
    /// Opens all columns; `None` once the report is erased.
    pub(in crate::store) fn open(&self, keys: &MasterKeys) -> Result<Option<Personal>, SealError> {
        let Some((_, texts)) = self.texts(keys)? else {
            return Ok(None);
        };
        let broken = std::iter::zip(&self.columns, &texts)
            .filter(|(_, text)| text.is_err())
            .map(|((column, _), _)| *column)
            .collect();
        let [name, nationality, passport, email, phone, message, billing] =
            texts.map(|text| text.unwrap_or(None));
        Ok(Some(Personal {
            name: name.unwrap_or_default(),
            nationality,
            passport_number: passport.unwrap_or_default(),
            email,
            phone,
            message,
            billing_code: billing,
            broken,
        }))
    }
}

fn unwrap(
    keys: &MasterKeys,
    id: &str,
    key_id: Option<&str>,
    wrapped: Option<&[u8]>,
) -> Result<Option<DataKey>, SealError> {
    let both = key_id.zip(wrapped);
    both.map(|(key_id, wrapped)| keys.unwrap(wrapped, key_id, id))
        .transpose()
}

/// The key of a report; `None` once it is erased. In a transaction that has written to the
/// report's row, no erasure can come between.
pub(in crate::store) async fn data_key_of(
    conn: &mut Conn<'_>,
    id: &str,
    keys: &MasterKeys,
) -> Result<Option<DataKey>, Error> {
    let row: Option<(Option<String>, Option<Vec<u8>>)> =
        conn.optional(SEALED_BY, values![id]).await?;
    let (key_id, wrapped) = row.ok_or(Error::Missing)?;
    Ok(unwrap(keys, id, key_id.as_deref(), wrapped.as_deref())?)
}
