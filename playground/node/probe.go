package node

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// firstPeriod bounds how long a container that has not been ready yet waits between probes: a kubelet waits the whole
// period, which would only delay users here.
const firstPeriod = time.Second

// prober is the readiness of one container.
type prober struct {
	container corev1.Container
	ready     bool
	seen      bool // was ready once
	streak    int32
	last      bool // result that the streak counts
}

func newProber(c corev1.Container) *prober {
	return &prober{container: c, ready: c.ReadinessProbe == nil}
}

// delay is how long to wait before the next probe; started is set after the first.
func (p *prober) delay(started bool) time.Duration {
	probe := p.container.ReadinessProbe
	if !started {
		return time.Duration(probe.InitialDelaySeconds) * time.Second
	}
	period := time.Duration(max(probe.PeriodSeconds, 1)) * time.Second
	if !p.seen {
		period = min(period, firstPeriod)
	}
	return period
}

// record counts a result against the thresholds and reports whether readiness changed.
func (p *prober) record(ok bool) bool {
	probe := p.container.ReadinessProbe
	if ok != p.last {
		p.last, p.streak = ok, 0
	}
	p.streak++
	threshold := probe.FailureThreshold
	if ok {
		threshold = probe.SuccessThreshold
	}
	if p.ready == ok || p.streak < max(threshold, 1) {
		return false
	}
	p.ready = ok
	p.seen = p.seen || ok
	return true
}

// end records that the container is stopped, and reports whether that changes its readiness.
func (p *prober) end() bool {
	was := p.ready
	p.ready, p.seen, p.last, p.streak = p.container.ReadinessProbe == nil, false, false, 0
	return was != p.ready
}

// check runs one readiness probe from the node to the pod.
func check(ctx context.Context, network *vnet.Network, from, pod netip.Addr, c corev1.Container) error {
	p, probe := podDialer{network, from, pod}, c.ReadinessProbe
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case probe.HTTPGet != nil && probe.HTTPGet.Scheme != corev1.URISchemeHTTPS:
		return p.checkHTTP(ctx, c)
	case probe.HTTPGet != nil: // stand-ins speak no TLS: that the port accepts is the answer
		return p.checkTCP(ctx, c, probe.HTTPGet.Port)
	case probe.TCPSocket != nil:
		return p.checkTCP(ctx, c, probe.TCPSocket.Port)
	case probe.GRPC != nil:
		return p.checkTCP(ctx, c, intstr.FromInt32(probe.GRPC.Port))
	}
	return nil // there is nothing in which a command could run
}

// podDialer dials a pod from a node.
type podDialer struct {
	network *vnet.Network
	from    netip.Addr
	pod     netip.Addr
}

func (p podDialer) checkTCP(ctx context.Context, c corev1.Container, port intstr.IntOrString) error {
	n, err := portOf(c, port)
	if err != nil {
		return err
	}
	conn, err := p.network.DialTCP(ctx, p.from, netip.AddrPortFrom(p.pod, n))
	if err != nil {
		return err
	}
	return conn.Close()
}

func (p podDialer) checkHTTP(ctx context.Context, c corev1.Container) error {
	get := c.ReadinessProbe.HTTPGet
	n, err := portOf(c, get.Port)
	if err != nil {
		return err
	}
	target := netip.AddrPortFrom(p.pod, n)
	u, err := url.Parse(get.Path)
	if err != nil {
		return fmt.Errorf("probe path: %w", err)
	}
	u.Scheme, u.Host = "http", target.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "kube-probe/1.37")
	for _, h := range get.HTTPHeaders {
		if http.CanonicalHeaderKey(h.Name) == "Host" {
			req.Host = h.Value
			continue
		}
		req.Header.Add(h.Name, h.Value)
	}
	client := &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return p.network.DialTCP(ctx, p.from, target)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", resp.StatusCode)
	}
	return nil
}

// portOf resolves a probe's port, a number or the name of a port of the container.
func portOf(c corev1.Container, port intstr.IntOrString) (uint16, error) {
	n := port.IntValue()
	if port.Type == intstr.String {
		for _, p := range c.Ports {
			if p.Name == port.StrVal {
				n = int(p.ContainerPort)
			}
		}
	}
	if n < 1 || n > 65535 {
		return 0, fmt.Errorf("container %s has no port %q", c.Name, port.String())
	}
	return uint16(n), nil
}
