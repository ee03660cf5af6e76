//! Which addresses are on the public internet. Start at [`private_kind`]. Knows numbers only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of address this is, with an article, if it is not one of the public internet.
pub fn private_kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => private_v4(address),
        IpAddr::V6(address) => private_v6(address),
    }
}

const LOCAL: &str = "an address of this machine";
const PRIVATE: &str = "an address of a private network";
const LINK_LOCAL: &str = "a link-local address";
const GROUP: &str = "an address of a group";
const DISGUISED: &str = "an IPv4 address in disguise";
const RESERVED: &str = "a reserved address";

fn private_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0 | 127, ..] => Some(LOCAL),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Some(PRIVATE),
        [169, 254, ..] => Some(LINK_LOCAL),
        [224..=239, ..] => Some(GROUP),
        [240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Some(RESERVED),
        _ => None,
    }
}

fn private_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let [_, second, third, .., high, low] = segments;
    let inner = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        private_v4(Ipv4Addr::new(one, two, three, four))
    };
    match segments {
        // Nobody needs to write a public IPv4 address in this way, and some systems treat it differently.
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(inner(high, low).unwrap_or(DISGUISED)),
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Some(LOCAL),
        [0, 0, 0, 0, 0, 0, ..] => Some(RESERVED),
        // Behind these two stands an IPv4 address; the first is how a network without IPv4 reaches all of it.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => inner(high, low),
        [0x2002, ..] => inner(second, third),
        [0x64, 0xff9b, ..] | [0x100, 0, 0, 0, ..] | [0x2001, 0 | 0xdb8, ..] | [0x3fff, ..] => {
            Some(RESERVED)
        }
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(PRIVATE),
        [0xfe80..=0xfebf, ..] => Some(LINK_LOCAL),
        [0xff00..=0xffff, ..] => Some(GROUP),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            let address = public.parse().expect(public);
            assert_eq!(private_kind(address), None, "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:c0a8:101::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            let address = private.parse().expect(private);
            assert!(private_kind(address).is_some(), "{private}");
        }
    }
}
