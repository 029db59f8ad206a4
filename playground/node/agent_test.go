package node

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

func TestAContainerWithTheVariablesOfAnAgentIsOne(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  map[string]string
		want *agent
	}{
		"as injected": {map[string]string{"TARGET_CONTROL_DATA_ADDRESS": "0.0.0.0:80",
			"TARGET_CONTROL_CONTROL_ADDRESS":     "[::]:3000",
			"TARGET_CONTROL_DESTINATION_ADDRESS": "127.0.0.1:8080", "TARGET_CONTROL_MAX_CONCURRENCY": "7",
			"TARGET_CONTROL_PROTOCOL_VERSION": "GRPC"},
			&agent{80, 3000, 8080, 7, true}},
		"by hand": {map[string]string{"TARGET_CONTROL_DATA_ADDRESS": "0.0.0.0:80",
			"TARGET_CONTROL_CONTROL_ADDRESS": "0.0.0.0:4000", "TARGET_CONTROL_DESTINATION": "localhost:81"},
			&agent{80, 4000, 81, 1, false}},
		"not all": {map[string]string{"TARGET_CONTROL_DATA_ADDRESS": "0.0.0.0:80"}, nil},
		"no port": {map[string]string{"TARGET_CONTROL_DATA_ADDRESS": "0.0.0.0:80",
			"TARGET_CONTROL_CONTROL_ADDRESS": "x:y", "TARGET_CONTROL_DESTINATION": "localhost:81"}, nil},
		"none at all": {nil, nil},
	} {
		var c corev1.Container
		for k, v := range tc.env {
			c.Env = append(c.Env, corev1.EnvVar{Name: k, Value: v})
		}
		got, ok := agentOf(&corev1.Pod{}, c)
		if ok != (tc.want != nil) || ok && !reflect.DeepEqual(*tc.want, got) {
			t.Errorf("%s: %+v %t", name, got, ok)
		}
	}
}

func TestAnAgentStandsBetweenTheLoadBalancerAndTheApplication(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	pod, balancer := netip.MustParseAddr("10.0.1.5"), netip.MustParseAddr("10.0.0.9")
	network.AddAddress(pod)
	// A pod reaches itself whatever its security groups admit.
	if err := network.SetFirewall(pod, func(_ string, from, _ netip.AddrPort) bool {
		return from.Addr() == balancer
	}); err != nil {
		t.Fatal(err)
	}
	ports, err := servedPorts(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "app", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}},
		{Name: "agent", Ports: []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 3000}}, Env: []corev1.EnvVar{
			{Name: "TARGET_CONTROL_DATA_ADDRESS", Value: "0.0.0.0:80"}, {Name: "TARGET_CONTROL_CONTROL_ADDRESS",
				Value: "0.0.0.0:3000"},
			{Name: "TARGET_CONTROL_DESTINATION_ADDRESS", Value: "127.0.0.1:8080"},
		}},
	}}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	servers := serve(network, pod, ports, t.Logf)
	if len(servers) != 2 {
		t.Fatalf("%d servers for %+v", len(servers), ports)
	}
	control, err := network.DialTCP(t.Context(), balancer, netip.AddrPortFrom(pod, 3000))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return network.DialTCP(ctx, balancer, netip.AddrPortFrom(pod, 80))
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://shop.example.com/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "203.0.113.1")
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	for _, want := range []string{`"host": "shop.example.com"`, `"203.0.113.1"`, `"remoteAddr": "10.0.1.5:`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	transport.CloseIdleConnections()
	for _, s := range servers {
		s.Shutdown(t.Context())
	}
	if _, err := control.Read(make([]byte, 1)); err == nil {
		t.Error("the control connection outlives the agent")
	}
	_ = control.Close()
}
