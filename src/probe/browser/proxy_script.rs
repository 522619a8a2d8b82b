//! The script that tells a browser which proxy leads where.
//!
//! A browser with a plain proxy would take it everywhere, and a page could look around behind it. So
//! the script sends the hosts of the run to the proxy and all else to one that nobody has.

use serde_json::json;

use super::ProxyDestination;

/// Whatever is to reach nothing is sent here: no such name can be.
const NOWHERE: &str = "PROXY nowhere.invalid:9";

/// The script as an address of its own.
pub(super) fn address(proxy: &ProxyDestination, https_only: bool) -> String {
    let script = data_encoding::BASE64.encode(script(proxy, https_only).as_bytes());
    format!("data:application/x-ns-proxy-autoconfig;base64,{script}")
}

/// What is asked of it is an address of which, with TLS, only scheme, host and port are told.
fn script(proxy: &ProxyDestination, https_only: bool) -> String {
    let schemes: &[&str] = match https_only {
        true => &["https", "wss"],
        false => &["https", "wss", "http", "ws"],
    };
    let origins: Vec<String> = proxy
        .hosts
        .iter()
        .flat_map(|host| {
            schemes
                .iter()
                .map(move |scheme| format!("{scheme}://{host}/"))
        })
        .collect();
    // Written as JSON, nothing of a host's name can end its string.
    let origins = json!(origins);
    let leads = json!(format!("PROXY {}:{}", proxy.host, proxy.address.port()));
    let nowhere = json!(NOWHERE);
    format!(
        "var origins = {origins};\nfunction FindProxyForURL(url, host) {{\n  for (var n = 0; n < \
         origins.length; n++) if (url.indexOf(origins[n]) === 0) return {leads};\n  return \
         {nowhere};\n}}\n"
    )
}
