package node

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/playground/standin"
)

// agent is a target control agent, as the environment variables of its container describe it.
type agent struct {
	data, control, destination uint16
	concurrency                int
	http2                      bool
}

// agentOf reads them; false: the container is none. Containers of a pod share one address, so that only ports count.
func agentOf(pod *corev1.Pod, c corev1.Container) (agent, bool) {
	var a agent
	for _, v := range []struct {
		port *uint16
		text string
	}{
		{&a.data, env(pod, c, "TARGET_CONTROL_DATA_ADDRESS")},
		{&a.control, env(pod, c, "TARGET_CONTROL_CONTROL_ADDRESS")},
		// The second name is what guides print.
		{&a.destination, cmp.Or(env(pod, c, "TARGET_CONTROL_DESTINATION_ADDRESS"),
			env(pod, c, "TARGET_CONTROL_DESTINATION"))},
	} {
		_, port, err := net.SplitHostPort(v.text)
		if err != nil {
			return agent{}, false
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return agent{}, false
		}
		*v.port = uint16(n)
	}
	a.concurrency = 1
	if n, err := strconv.Atoi(env(pod, c, "TARGET_CONTROL_MAX_CONCURRENCY")); err == nil && n >= 0 {
		a.concurrency = n
	}
	protocol := env(pod, c, "TARGET_CONTROL_PROTOCOL_VERSION")
	a.http2 = protocol == "HTTP2" || protocol == "GRPC"
	return a, true
}

// serve starts the agent on the pod's address.
func (a agent) serve(network *vnet.Network, addr netip.Addr) (standin.Server, error) {
	data, err := network.ListenTCP(addr, a.data)
	if err != nil {
		return nil, fmt.Errorf("target control agent: data port %d: %w", a.data, err)
	}
	control, err := network.ListenTCP(addr, a.control)
	if err != nil {
		_ = data.Close()
		return nil, fmt.Errorf("target control agent: control port %d: %w", a.control, err)
	}
	return standin.ServeAgent(standin.Agent{
		Data: data, Control: control, Concurrency: a.concurrency, HTTP2: a.http2,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return network.DialTCP(ctx, addr, netip.AddrPortFrom(addr, a.destination))
		},
	}), nil
}
