//! Which addresses may be reached.

use std::net::{IpAddr, SocketAddr};

use crate::address::{ForbiddenAddress, check_address};

/// Which addresses a customer's URL may reach. The default, for production, is the public ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AddressPolicy {
    loopback: Vec<SocketAddr>,
}

/// An address that was named for the stage dev and is not loopback.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is not a loopback address: name addresses such as 127.0.0.1:4575")]
pub struct NotLoopback(pub SocketAddr);

impl AddressPolicy {
    /// Returns the policy for the stage dev: it also allows exactly these loopback addresses with their ports, by http
    /// too. Only literal URLs reach them: a name that leads to loopback is refused in each stage.
    ///
    /// # Errors
    /// An address is not loopback.
    pub fn with_loopback(addresses: Vec<SocketAddr>) -> Result<Self, NotLoopback> {
        match addresses.iter().find(|it| !it.ip().is_loopback()) {
            Some(other) => Err(NotLoopback(*other)),
            None => Ok(Self { loopback: addresses }),
        }
    }

    /// Returns whether an address may be reached. Which ports of public addresses may be is a rule of URLs:
    /// [`PORTS`](crate::PORTS).
    pub fn allows(&self, address: SocketAddr) -> bool {
        self.check(address).is_ok()
    }

    pub(crate) fn check(&self, address: SocketAddr) -> Result<(), ForbiddenAddress> {
        if self.names(address) { Ok(()) } else { check_address(address.ip()) }
    }

    /// Returns whether an address is one of the named loopback addresses.
    pub(crate) fn names(&self, address: SocketAddr) -> bool {
        // Not `==`: the scope of an IPv6 address doesn't matter.
        let parts = |it: SocketAddr| -> (IpAddr, u16) { (it.ip(), it.port()) };
        self.loopback.iter().any(|it| parts(*it) == parts(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn exactly_the_named_loopback_addresses_are_allowed_in_addition() {
        let policy = AddressPolicy::with_loopback(vec![address("127.0.0.1:4575"), address("[::1]:4575")]);
        let policy = policy.expect("loopback");
        for allowed in ["127.0.0.1:4575", "[::1]:4575", "1.1.1.1:443", "[2606:4700:4700::1111]:443"] {
            assert!(policy.allows(address(allowed)), "{allowed}");
        }
        for refused in ["127.0.0.1:4576", "127.0.0.2:4575", "[::1]:4576", "[::ffff:127.0.0.1]:4575", "10.0.0.1:4575"] {
            assert!(!policy.allows(address(refused)), "{refused}");
        }
        assert!(!AddressPolicy::default().allows(address("127.0.0.1:4575")));
    }

    #[test]
    fn an_address_that_is_not_loopback_cannot_be_named() {
        for other in ["10.0.0.1:80", "0.0.0.0:80", "[::]:80", "[::ffff:127.0.0.1]:80", "1.1.1.1:443"] {
            let named = vec![address("127.0.0.1:4575"), address(other)];
            assert_eq!(AddressPolicy::with_loopback(named), Err(NotLoopback(address(other))));
        }
    }
}
