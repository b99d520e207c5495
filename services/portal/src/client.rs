//! Whose requests are counted together: the address that a connection comes from, or the one that a trusted proxy names. It
//! counts nothing itself.

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The bits of an IPv6 address that are counted as one caller: who has one address of a network this small has all of them.
const IPV6_CALLER_BITS: u8 = 64;
/// The most proxies that a request may have come through; what is named beyond is not looked at.
const PROXIES_LIMIT: usize = 16;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client of a request, as far as it can be known.
///
/// Only what a trusted proxy wrote counts: the headers are read from their end, and the first address that is no trusted
/// proxy's is the client. Where both headers are there and name two clients, one of them was written by the client itself, and
/// nobody can say which: the request is the proxy's then.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_proxy(peer, proxies) {
        return counted(peer);
    }
    let forwarded =
        values(headers, &header::FORWARDED).map(|values| walk(values.iter().flat_map(|v| hops(v)), peer, proxies));
    let listed = values(headers, &X_FORWARDED_FOR)
        .map(|values| walk(values.iter().flat_map(|value| value.split(',').map(hop)), peer, proxies));
    let client = match (forwarded, listed) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    };
    counted(client)
}

/// Whether an address is a proxy that the operator trusts.
pub(crate) fn is_proxy(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// The address under which a caller is counted.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (128 - u32::from(IPV6_CALLER_BITS));
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Who is counted where there is no socket.
pub(crate) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a str>> {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    values.iter().any(|value| !value.trim().is_empty()).then_some(values)
}

/// The last address that is no proxy's; where one is not named, the proxy that did not name it.
fn walk(hops: impl Iterator<Item = Option<IpAddr>>, peer: IpAddr, proxies: &[IpNet]) -> IpAddr {
    let mut hops: Vec<_> = hops.collect();
    let mut client = peer;
    for _ in 0..PROXIES_LIMIT {
        let Some(Some(address)) = hops.pop() else { break };
        client = address;
        if !is_proxy(address, proxies) {
            break;
        }
    }
    client
}

/// The `for` of each element of a `Forwarded` header (RFC 7239 section 4).
fn hops(value: &str) -> impl Iterator<Item = Option<IpAddr>> {
    value.split(',').map(|element| {
        let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
        let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value);
        named.next().and_then(hop)
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `"[2001:db8::1]:80"`; nothing for `unknown` and hidden names.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address: Option<IpAddr> = bare.parse().ok();
    address
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, headers: &[(&'static str, &str)], expected: &str) {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a network")).to_vec();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let found = address(peer.parse().expect("an address"), &map, &proxies);
        assert_eq!(found.to_string(), expected, "{peer} {headers:?}");
    }

    #[test]
    fn a_stranger_names_no_client() {
        check("192.0.2.9", &[("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")], "192.0.2.9");
        check("::ffff:192.0.2.9", &[], "192.0.2.9");
    }

    #[test]
    fn a_proxy_names_the_client_and_what_stands_before_it_is_hearsay() {
        check("10.0.0.1", &[("x-forwarded-for", "203.0.113.7, 198.51.100.1")], "198.51.100.1");
        check(
            "10.0.0.1",
            &[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "198.51.100.1, 10.9.9.9")],
            "198.51.100.1",
        );
        check(
            "10.0.0.1",
            &[("forwarded", r#"for=203.0.113.7;proto=http, For="198.51.100.1:4711";by=10.0.0.2"#)],
            "198.51.100.1",
        );
        check("fd00::1", &[("forwarded", r#"for="[2001:db8:0:1:2:3:4:5]:80""#)], "2001:db8:0:1::");
        check("10.0.0.1", &[("x-forwarded-for", "10.0.0.2")], "10.0.0.2");
    }

    #[test]
    fn what_a_proxy_does_not_name_is_the_proxys() {
        for value in ["unknown", "_hidden", "for", "", "198.51.100.1.7"] {
            check("10.0.0.1", &[("x-forwarded-for", value)], "10.0.0.1");
            check("10.0.0.1", &[("forwarded", &format!("for={value}"))], "10.0.0.1");
        }
        check("10.0.0.1", &[("x-forwarded-for", "198.51.100.1, unknown, 10.0.0.7")], "10.0.0.7");
    }

    #[test]
    fn two_headers_that_disagree_name_nobody() {
        check("10.0.0.1", &[("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=203.0.113.7")], "10.0.0.1");
        check("10.0.0.1", &[("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")], "198.51.100.1");
    }

    #[test]
    fn an_ipv6_network_of_one_customer_is_one_caller() {
        check("2001:db8:0:1::5", &[], "2001:db8:0:1::");
        check("2001:db8:0:1:ffff::", &[], "2001:db8:0:1::");
        check("2001:db8:0:2::5", &[], "2001:db8:0:2::");
    }
}
