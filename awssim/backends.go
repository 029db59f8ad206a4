package awssim

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// administerBackends serves the paths about the servers behind targets.
func (s *Simulator) administerBackends(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/backends", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Backends()) })
	mux.HandleFunc("POST /_sim/backends", changing(s.SetBackends))
}

// Backends are the ports of the virtual network that sockets of this machine stand behind, with those sockets'
// addresses.
func (s *Simulator) Backends() map[string]string {
	all := map[string]string{}
	if s.Network != nil {
		for at, backing := range s.Network.Mapped() {
			all[at.String()] = backing.String()
		}
	}
	return all
}

// SetBackends puts sockets of this machine, TCP and UDP, behind ports of addresses or instances, all or none: a target
// "10.0.128.10:8080" or "i-0a1de0000000000a1:8080" is served by "127.0.0.1:9000", until it is "" again. The security
// groups of the interface that has the address hold for what comes in. It fails without a data plane.
func (s *Simulator) SetBackends(wanted map[string]string) error {
	if s.Network == nil {
		return errNoPlane
	}
	backings := map[netip.AddrPort]netip.AddrPort{}
	for target, socket := range wanted {
		at, err := s.place(target)
		if err != nil {
			return fmt.Errorf("backend of %q: %w", target, err)
		}
		backing, err := netip.ParseAddrPort(socket)
		if socket != "" && (err != nil || !backing.Addr().IsLoopback() || backing.Port() == 0) {
			return fmt.Errorf("backend of %q: %q is not a socket of this machine alone, such as 127.0.0.1:9000", target, socket)
		}
		backings[at] = backing
	}
	for at, backing := range backings {
		if !s.Network.HasAddress(at.Addr()) {
			s.Network.AddAddress(at.Addr())
			if err := s.Network.SetFirewall(at.Addr(), s.Admits); err != nil {
				return err
			}
		}
		for _, network := range []string{"tcp", "udp"} {
			if err := s.Network.MapToLoopback(network, at, backing); err != nil {
				return err
			}
		}
	}
	return nil
}

// place is where a target is reached, which is given by address or instance, and port.
func (s *Simulator) place(target string) (netip.AddrPort, error) {
	if !strings.HasPrefix(target, "i-") {
		at, err := netip.ParseAddrPort(target)
		if err != nil || at.Port() == 0 || at.Addr().IsLoopback() {
			return at, fmt.Errorf("not an address and port of a target, such as 10.0.128.10:8080 or i-0a1de0000000000a1:8080")
		}
		return at, nil
	}
	id, digits, _ := strings.Cut(target, ":")
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is not a port", digits)
	}
	s.Account.Lock()
	defer s.Account.Unlock()
	if i, ok := s.Account.Instance(id); ok && len(i.Interfaces) > 0 {
		if n, ok := s.Account.Interface(i.Interfaces[0]); ok {
			return netip.AddrPortFrom(n.PrimaryAddress(), uint16(port)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("the account has no instance %s with a network interface", id)
}
