package egress

import (
	"encoding/binary"
	"net/netip"
)

// network is a range that is nobody's public server.
type network struct {
	netip.Prefix
	what string
}

// special are the ranges of the IANA registries of special-purpose addresses
// (RFC 6890 and its updates) that are not reachable over the internet, with
// multicast, and the addresses at which clouds give out credentials.
var special = func() (out []network) {
	for what, list := range map[string][]string{
		"unspecified":   {"0.0.0.0/8", "::/128"},
		"loopback":      {"127.0.0.0/8", "::1/128"},
		"private":       {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"},
		"carrier":       {"100.64.0.0/10"},
		"link-local":    {"169.254.0.0/16", "fe80::/10"},
		"unique local":  {"fc00::/7"},
		"site-local":    {"fec0::/10"},
		"multicast":     {"224.0.0.0/4", "ff00::/8"},
		"reserved":      {"240.0.0.0/4", "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "100::/64", "100:0:0:1::/64", "2001::/23", "5f00::/16", "::/96"},
		"benchmarking":  {"198.18.0.0/15"},
		"documentation": {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"},
		"metadata":      {"168.63.129.16/32", "100.100.100.200/32"},
	} {
		for _, p := range list {
			out = append(out, network{netip.MustParsePrefix(p), what})
		}
	}
	return out
}()

// Special says why an address is nobody's public server: the name of its range;
// "" when it is one. An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4,
// Teredo, ISATAP) counts as itself, for somewhere a gateway takes it out again.
func Special(a netip.Addr) string {
	if !a.IsValid() {
		return "no address"
	}
	if a.Zone() != "" {
		return "link-local"
	}
	a = a.Unmap()
	for _, n := range special {
		if n.Contains(a) {
			return n.what
		}
	}
	if in, how := embedded(a); how != "" {
		if how == "NAT64" && in.Is4() && Special(in) == "" {
			// A network without IPv4 reaches the public internet this way.
			return ""
		}
		return how
	}
	if a.Is6() && !globalUnicast.Contains(a) {
		return "not global"
	}
	return ""
}

// globalUnicast is what IANA gives out of IPv6, with the well-known NAT64.
var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64         = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local    = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour     = netip.MustParsePrefix("2002::/16")
)

// embedded gives the IPv4 address inside an IPv6 one and how it got there.
func embedded(a netip.Addr) (netip.Addr, string) {
	if !a.Is6() {
		return a, ""
	}
	b := a.As16()
	low := netip.AddrFrom4([4]byte(b[12:]))
	switch {
	case nat64.Contains(a):
		return low, "NAT64"
	case nat64Local.Contains(a):
		return low, "NAT64 of the network"
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), "6to4"
	case binary.BigEndian.Uint32(b[8:])&0xfdffffff == 0x5efe: // 0000:5efe or 0200:5efe before the address
		return low, "ISATAP"
	}
	return a, ""
}
