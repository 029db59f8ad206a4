package node

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// unplugged is the firewall of the addresses of a dead node: packets to it get no answer, not even a refusal.
func unplugged(string, netip.AddrPort, netip.AddrPort) bool { return false }

// Kill ends a node like the loss of its machine. Its pods and its heartbeat stop at once, nothing answers at the
// addresses of the node and its pods, and nobody informs the API server. The objects of its pods stay until somebody
// deletes them by force.
func (f *Fleet) Kill(name string) error {
	f.mu.Lock()
	spec, ok := f.nodes[name]
	if !ok || f.dead[name] {
		f.mu.Unlock()
		return fmt.Errorf("node %s does not exist or is already dead; \"playground kubectl get nodes\" lists the nodes", name)
	}
	f.dead[name] = true
	f.beats[name]()
	for id, w := range f.workers {
		if w.spec.Name == name {
			w.cancel()
			delete(f.workers, id)
		}
	}
	f.mu.Unlock()
	return f.guard(spec.Addresses(), unplugged)
}

// Revive starts a machine in the place of a node that was killed and whose Node object was deleted since.
func (f *Fleet) Revive(ctx context.Context, name string) error {
	f.mu.Lock()
	spec, dead := f.nodes[name], f.dead[name]
	delete(f.dead, name)
	f.mu.Unlock()
	if !dead {
		return fmt.Errorf("node %s was not killed, so there is nothing to revive", name)
	}
	if err := f.guard(spec.Addresses(), f.options.Firewall); err != nil {
		return fmt.Errorf("revive node %s: %w", name, err)
	}
	if err := f.register(ctx, spec); err != nil {
		return fmt.Errorf("revive node %s: %w", name, err)
	}
	f.beat(spec)
	return nil
}

// Dead reports whether a node was killed and not revived since.
func (f *Fleet) Dead(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead[name]
}

// guard puts a firewall in front of addresses.
func (f *Fleet) guard(addrs []netip.Addr, firewall vnet.Firewall) error {
	for _, a := range addrs {
		if err := f.options.Network.SetFirewall(a, firewall); err != nil {
			return err
		}
	}
	return nil
}

// beat renews the lease of a node until the node is killed or the fleet stops.
func (f *Fleet) beat(spec Spec) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	ctx, cancel := context.WithCancel(f.running)
	f.beats[spec.Name] = cancel
	f.wait.Go(func() { f.heartbeat(ctx, spec) })
}
