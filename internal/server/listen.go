package server

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// The connections that are kept at once: of everybody, and of one subscriber
// (security.md T26). A browser has six and a socket; an idle one costs some 20 KiB.
const (
	DefaultMaxConnections = 16_384
	maxConnectionsPerIP   = 256
)

// LimitListener keeps at most so many connections open, and of one subscriber
// maxConnectionsPerIP; what comes above is closed before a byte of it is read.
// Proxies that are trusted stand for many, and count in the whole alone; nil: this
// machine's. 0: not limited in the whole.
func LimitListener(ln net.Listener, most int, trusted []netip.Prefix) net.Listener {
	if trusted == nil {
		trusted = thisMachine
	}
	return &limitedListener{Listener: ln, most: most, each: maxConnectionsPerIP, trusted: trusted, per: map[netip.Addr]int{}}
}

type limitedListener struct {
	net.Listener
	most, each int
	trusted    []netip.Prefix

	mu   sync.Mutex
	open int
	per  map[netip.Addr]int
}

// Accept gives the next connection that there is room for.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var ip netip.Addr
		if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			ip = network(a.AddrPort().Addr().Unmap())
		}
		if !l.take(ip) {
			_ = c.Close()
			continue
		}
		return &limitedConn{Conn: c, give: sync.OnceFunc(func() { l.give(ip) })}, nil
	}
}

// counted says whether a subscriber is held to a share of its own.
func (l *limitedListener) counted(ip netip.Addr) bool {
	return ip.IsValid() && !slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func (l *limitedListener) take(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 && l.open >= l.most || l.counted(ip) && l.per[ip] >= l.each {
		return false
	}
	l.open++
	if l.counted(ip) {
		l.per[ip]++
	}
	return true
}

func (l *limitedListener) give(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if !l.counted(ip) {
		return
	}
	if l.per[ip]--; l.per[ip] <= 0 {
		delete(l.per, ip)
	}
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	give func()
}

func (c *limitedConn) Close() error {
	c.give()
	return c.Conn.Close()
}
