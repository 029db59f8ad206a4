package nodeport

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// Options configure Start; all fields are required.
type Options struct {
	Client  kubernetes.Interface
	Network *vnet.Network
	Nodes   map[string][]netip.Addr // name → addresses, which exist on the network
}

// Proxy forwards the node ports of all nodes.
type Proxy struct {
	options Options
	cancel  context.CancelFunc
	factory informers.SharedInformerFactory
	done    chan struct{}
	changed chan struct{}
	turn    atomic.Uint64
	table   atomic.Pointer[table]
	health  map[healthKey]*http.Server // belongs to the goroutine of run
}

type healthKey struct {
	node string
	addr netip.Addr
	port uint16
}

// Start registers the forwarders and returns once the first table is in place. ctx bounds the start only.
func Start(ctx context.Context, options Options) (*Proxy, error) {
	runCtx, cancel := context.WithCancel(context.Background())
	p := &Proxy{
		options: options, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}, 1),
		health: map[healthKey]*http.Server{},
	}
	p.factory = informers.NewSharedInformerFactory(options.Client, 0)
	services := p.factory.Core().V1().Services().Informer()
	slices := p.factory.Discovery().V1().EndpointSlices().Informer()
	notify := func() {
		select {
		case p.changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { notify() }, UpdateFunc: func(any, any) { notify() }, DeleteFunc: func(any) { notify() },
	}
	var synced []cache.InformerSynced
	for _, informer := range []cache.SharedIndexInformer{services, slices} {
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			cancel()
			return nil, fmt.Errorf("watch Services and EndpointSlices: %w", err)
		}
		synced = append(synced, registration.HasSynced)
	}
	p.table.Store(&table{})
	p.factory.Start(runCtx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		cancel()
		return nil, fmt.Errorf("list Services and EndpointSlices: %w", ctx.Err())
	}
	p.rebuild()
	for name, addrs := range options.Nodes {
		for _, addr := range addrs {
			if err := options.Network.Forward(addr, p.forwarder(name)); err != nil {
				cancel()
				return nil, fmt.Errorf("node %s: %w", name, err)
			}
		}
	}
	go func() {
		defer close(p.done)
		for {
			select {
			case <-p.changed:
				p.rebuild()
			case <-runCtx.Done():
				for _, s := range p.health {
					_ = s.Close()
				}
				return
			}
		}
	}()
	return p, nil
}

// rebuild makes the table from the Services and EndpointSlices as they are now.
func (p *Proxy) rebuild() {
	all, err := p.factory.Core().V1().Services().Lister().List(labels.Everything())
	if err != nil { // a lister over a cache does not fail
		return
	}
	list, err := p.factory.Discovery().V1().EndpointSlices().Lister().List(labels.Everything())
	if err != nil {
		return
	}
	by := map[string][]*discoveryv1.EndpointSlice{}
	for _, s := range list {
		key := s.Namespace + "/" + s.Labels[discoveryv1.LabelServiceName]
		by[key] = append(by[key], s)
	}
	t := build(all, by)
	p.table.Store(&t)
	p.serveHealth(t)
}

// Stop ends forwarding; established connections stay.
func (p *Proxy) Stop() {
	for _, addrs := range p.options.Nodes {
		for _, addr := range addrs {
			_ = p.options.Network.Forward(addr, nil) // a node that is gone forwards nothing either
		}
	}
	p.cancel()
	<-p.done
	p.factory.Shutdown()
}

func (p *Proxy) forwarder(node string) vnet.Forwarder {
	return func(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
		e, ok := p.table.Load().ports[portKey{network, to.Port()}]
		if !ok {
			return nil, fmt.Errorf("no Service has node port %d: %w", to.Port(), vnet.ErrRefused)
		}
		target, ok := e.pick(node, to.Addr().Is6(), p.turn.Add(1))
		if !ok {
			return nil, fmt.Errorf("service %s has no ready endpoint for node port %d on %s: %w", e.service, to.Port(), node,
				vnet.ErrRefused)
		}
		// the client's address stays, but what reaches a pod of the same node passes no firewall of the VPC any more
		if e.local {
			ctx = vnet.WithSender(ctx, to.Addr())
		} else { // masquerade: pods see the node, not the client
			from = netip.AddrPortFrom(to.Addr(), 0)
		}
		if network == "udp" {
			return p.options.Network.DialUDPFrom(ctx, from, target.address)
		}
		return p.options.Network.DialTCPFrom(ctx, from, target.address)
	}
}

// serveHealth opens and closes the health check node ports of Services with externalTrafficPolicy Local.
func (p *Proxy) serveHealth(t table) {
	for key, server := range p.health {
		if _, ok := t.health[key.port]; !ok {
			_ = server.Close()
			delete(p.health, key)
		}
	}
	for port := range t.health {
		for node, addrs := range p.options.Nodes {
			for _, addr := range addrs {
				p.serveHealthAt(healthKey{node, addr, port})
			}
		}
	}
}

func (p *Proxy) serveHealthAt(key healthKey) {
	if p.health[key] != nil {
		return
	}
	listener, err := p.options.Network.ListenTCP(key.addr, key.port)
	if err != nil { // the port is taken; the API server gives each to one Service only, so it frees itself
		return
	}
	server := &http.Server{Handler: p.healthHandler(key), ReadHeaderTimeout: time.Minute}
	p.health[key] = server
	go func() { _ = server.Serve(listener) }() // ends with Close
}

// healthHandler answers as kube-proxy: 200 while the node has a ready endpoint, else 503.
func (p *Proxy) healthHandler(key healthKey) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hc := p.table.Load().health[key.port]
		n := hc.local[key.node]
		body, err := json.Marshal(map[string]any{
			"service":        map[string]string{"namespace": hc.namespace, "name": hc.name},
			"localEndpoints": n,
		})
		if err != nil { // strings and a number always encode
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Load-Balancing-Endpoint-Weight", fmt.Sprint(n))
		if n == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(body)
	})
}
