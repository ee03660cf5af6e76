//! Tells an address something that the user wants it to know. Start at [`post_json`].

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use url::Host;

use super::{FetchError, FetchTimers, build, cause, client, http_url, private_kind, slow};

/// Posts `body` to `address`, with no key; the status of the answer, whose body is left alone. Redirects are not
/// followed. Private addresses are asked, and directly: the user has written this one down.
///
/// No error names the address: it may hold a secret.
pub async fn post_json(address: &str, body: String, total: Duration) -> Result<u16, FetchError> {
    let not_http = || FetchError::Trouble("it is not an http(s) address".to_owned());
    let url = http_url(address).ok_or_else(not_http)?;
    let client = client_for(&url, total)?;
    let request = client
        .post(url)
        .timeout(total)
        .header(CONTENT_TYPE, "application/json")
        .body(body);
    match tokio::time::timeout(total, request.send()).await {
        Ok(Ok(response)) => Ok(response.status().as_u16()),
        Ok(Err(error)) if error.is_timeout() => Err(slow("no answer", total)),
        Ok(Err(error)) => Err(FetchError::Trouble(cause(&error))),
        Err(_) => Err(slow("no answer", total)),
    }
}

/// The host of an address, which is all of it that is shown.
pub fn host_of(address: &str) -> Option<String> {
    let url = http_url(address)?;
    Some(crate::text::clean(url.host_str()?, 200))
}

fn client_for(url: &Url, total: Duration) -> Result<Client, FetchError> {
    let timers = FetchTimers {
        connect: total,
        idle: total,
        total,
    };
    let is_private = match url.host() {
        Some(Host::Ipv4(address)) => private_kind(address.into()).is_some(),
        Some(Host::Ipv6(address)) => private_kind(address.into()).is_some(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    build(|| {
        let client = client(timers);
        if is_private {
            client.no_proxy()
        } else {
            client
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_does_not_answer_is_given_up() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}/s3cret", silent.local_addr().expect("bound"));
        let limit = Duration::from_millis(200);
        let error = post_json(&address, "{}".to_owned(), limit).await;
        let said = error.expect_err("no answer").to_string();
        assert_eq!(said, "no answer within 200ms");
    }
}
