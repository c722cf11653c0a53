//! Which addresses are public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The blocks of IPv4 that are not public: the special-purpose registry of IANA (RFC 6890) with the blocks in it that
/// are routed but serve no HTTP, multicast (RFC 5771), and an address of Azure.
///
/// The metadata addresses of AWS, Google and Azure (169.254.169.254), of Alibaba (100.100.100.200) and of Oracle
/// (192.0.0.192) lie in these blocks.
const IPV4: [(Ipv4Addr, u32, &str); 19] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private use"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared address space"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "Azure's platform"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private use"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "multicast tunnels"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relays"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private use"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The only block of IPv6 with public addresses (RFC 4291 and IANA's registry of the IPv6 address space). Outside it
/// are loopback, IPv4-mapped and IPv4-compatible addresses, NAT64, unique local and link-local addresses, site-local
/// addresses, segment routing and multicast.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The blocks in [`GLOBAL_UNICAST`] that are not public. The first has Teredo, ORCHID, benchmarking and more.
const IPV6: [(Ipv6Addr, u32, &str); 6] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "protocol assignments"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, "AS112"),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, "the ended 6bone"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
];

/// An address that a customer's URL must not reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the address {address} is not public ({purpose})")]
pub struct ForbiddenAddress {
    address: IpAddr,
    purpose: &'static str,
}

/// Returns whether an address is a public one: none of a special purpose, and none that leads to an IPv4 address
/// inside an IPv6 address.
pub fn is_public_address(address: IpAddr) -> bool {
    check_address(address).is_ok()
}

/// Checks that an address is public.
pub(crate) fn check_address(address: IpAddr) -> Result<(), ForbiddenAddress> {
    let purpose = match address {
        IpAddr::V4(address) => IPV4
            .iter()
            .find(|(block, prefix, _)| (address.to_bits() ^ block.to_bits()) >> (32 - prefix) == 0)
            .map(|(_, _, purpose)| *purpose),
        IpAddr::V6(address) => ipv6_purpose(address),
    };
    purpose.map_or(Ok(()), |purpose| Err(ForbiddenAddress { address, purpose }))
}

fn ipv6_purpose(address: Ipv6Addr) -> Option<&'static str> {
    let is_in = |block: Ipv6Addr, prefix: u32| (address.to_bits() ^ block.to_bits()) >> (128 - prefix) == 0;
    if !is_in(GLOBAL_UNICAST.0, GLOBAL_UNICAST.1) {
        return Some("outside 2000::/3, the global unicast addresses");
    }
    // RFC 5214: the last 64 bits are 0000:5efe or 0200:5efe and an IPv4 address, in any network.
    if matches!(address.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _]) {
        return Some("ISATAP");
    }
    IPV6.iter().find(|(block, prefix, _)| is_in(*block, *prefix)).map(|(_, _, purpose)| *purpose)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// IANA's special-purpose registry of IPv4, last updated 2025-10-09, with what lies in its blocks.
    const REGISTRY_OF_IPV4: &str = "0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 \
        172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 \
        192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 \
        198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 255.255.255.255/32";

    /// IANA's special-purpose registry of IPv6, last updated 2025-10-09.
    const REGISTRY_OF_IPV6: &str = "::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 \
        2001::/23 2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 \
        2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 \
        fe80::/10";

    /// Multicast, blocks of other registries and RFCs, and addresses of clouds: metadata, DNS, time, platform.
    const OTHERS: &str = "224.0.0.0/4 233.252.0.0/24 100.100.100.200/32 168.63.129.16/32 169.254.169.253/32 \
        169.254.169.254/32 169.254.170.2/32 169.254.170.23/32 192.0.0.192/32 ::/96 ::ffff:0:0:0/96 fec0::/10 ff00::/8 \
        fd00:ec2::/32 fd00:ec2::254/128 fd20:ce::254/128 0200::/7 4000::/3 8000::/1 3ffe::/16";

    /// What Svix refuses since its security notice SVIXSEC-2026-0001 of August 2026.
    const SVIX: &str = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 169.254.0.0/16 255.255.255.255/32 \
        224.0.0.0/4 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 100.64.0.0/10 192.0.0.0/24 192.88.99.0/24 240.0.0.0/4 \
        198.18.0.0/15 0.0.0.0/8 ff00::/8 ::1/128 ::/128 fe80::/10 fc00::/7 2001:db8::/32 3fff::/20 100::/64 2002::/16 \
        64:ff9b::/96 64:ff9b:1::/48 5f00::/16";

    /// Returns the first and the last address of each block.
    fn bounds(blocks: &str) -> Vec<(IpAddr, IpAddr)> {
        let parse = |block: &str| {
            let (first, prefix) = block.split_once('/')?;
            let (first, prefix): (IpAddr, u32) = (first.parse().ok()?, prefix.parse().ok()?);
            let last = match first {
                IpAddr::V4(it) => Ipv4Addr::from_bits(it.to_bits() | u32::MAX.checked_shr(prefix).unwrap_or(0)).into(),
                IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() | u128::MAX.checked_shr(prefix).unwrap_or(0)).into(),
            };
            Some((first, last))
        };
        blocks.split_whitespace().map(|block| parse(block).unwrap_or_else(|| panic!("no block: {block}"))).collect()
    }

    fn all_bounds() -> Vec<(IpAddr, IpAddr)> {
        [REGISTRY_OF_IPV4, REGISTRY_OF_IPV6, OTHERS, SVIX].into_iter().flat_map(bounds).collect()
    }

    /// Any address of a block that is not public.
    pub(crate) fn forbidden() -> impl Strategy<Value = IpAddr> {
        select(all_bounds()).prop_flat_map(|bounds| match bounds {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (first.to_bits()..=last.to_bits()).prop_map(|it| Ipv4Addr::from_bits(it).into()).boxed()
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                (first.to_bits()..=last.to_bits()).prop_map(|it| Ipv6Addr::from_bits(it).into()).boxed()
            }
            mixed => panic!("{mixed:?}"),
        })
    }

    /// Any address of a block of IPv4 that is not public.
    pub(crate) fn forbidden_ipv4() -> impl Strategy<Value = Ipv4Addr> {
        forbidden().prop_filter_map("IPv4 only", |it| match it {
            IpAddr::V4(it) => Some(it),
            IpAddr::V6(_) => None,
        })
    }

    /// Returns all IPv6 addresses by which an IPv4 address is reached or was once reached.
    fn embeddings(address: Ipv4Addr) -> Vec<Ipv6Addr> {
        let bits = u128::from(address.to_bits());
        let in_last_32 =
            |block: &str| Ipv6Addr::from_bits(block.parse::<Ipv6Addr>().expect("a block").to_bits() | bits);
        let mut all: Vec<_> = [
            "::ffff:0:0",
            "::",
            "::ffff:0:0:0",
            "64:ff9b::",
            "64:ff9b:1::",
            "2606:4700::5efe:0:0",
            "2606:4700::200:5efe:0:0",
            "fe80::5efe:0:0",
        ]
        .map(in_last_32)
        .into();
        let six_to_four = (0x2002 << 112) | (bits << 80);
        let teredo = (0x2001 << 112) | u128::from(!address.to_bits());
        all.extend([six_to_four, six_to_four | 1, teredo, (0x2001 << 112) | (bits << 64)].map(Ipv6Addr::from_bits));
        all
    }

    #[test]
    fn the_first_and_the_last_address_of_every_special_block_is_forbidden() {
        for (first, last) in all_bounds() {
            assert!(!is_public_address(first), "{first}");
            assert!(!is_public_address(last), "{last}");
        }
    }

    #[test]
    fn the_addresses_beside_the_blocks_are_public() {
        let public = "1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 \
            128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 \
            191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0 192.31.195.255 192.31.197.0 192.52.192.255 \
            192.52.194.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 192.175.47.255 192.175.49.0 \
            198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 2000:: \
            2001:200:: 2001:4860:4860::8888 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9:: 2003:: \
            2606:4700:4700::1111 2620:4f:7fff:ffff:: 2620:4f:8001:: 2a00:1450:4001:81b::200e \
            2606:4700::1:5efe:7f00:1 3ffd:ffff:: 3fff:1000::";
        for address in public.split_whitespace() {
            assert!(is_public_address(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn a_forbidden_address_is_named_with_its_purpose() {
        let message = |address: &str| check_address(address.parse().expect("an address")).map_err(|it| it.to_string());
        assert_eq!(message("169.254.169.254"), Err("the address 169.254.169.254 is not public (link-local)".into()));
        let expected = "the address ::1 is not public (outside 2000::/3, the global unicast addresses)";
        assert_eq!(message("::1"), Err(expected.into()));
        assert_eq!(message("2606:4700::5efe:1.1.1.1").map_err(|it| it.ends_with("(ISATAP)")), Err(true));
    }

    proptest! {
        #[test]
        fn every_address_of_a_special_block_is_forbidden(address in forbidden()) {
            prop_assert!(!is_public_address(address), "{address}");
        }

        #[test]
        fn no_address_of_ipv6_leads_to_a_forbidden_address_of_ipv4(address in forbidden_ipv4()) {
            for embedding in embeddings(address) {
                prop_assert!(!is_public_address(embedding.into()), "{embedding}");
            }
        }

        #[test]
        fn what_the_standard_library_knows_to_be_special_is_forbidden(v4: u32, v6: u128) {
            let (v4, v6) = (Ipv4Addr::from_bits(v4), Ipv6Addr::from_bits(v6));
            let is_special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
                || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified();
            prop_assert!(!(is_special && is_public_address(v4.into())), "{v4}");
            let is_special = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unique_local()
                || v6.is_unicast_link_local() || v6.to_ipv4().is_some();
            prop_assert!(!(is_special && is_public_address(v6.into())), "{v6}");
        }
    }
}
