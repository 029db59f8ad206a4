package environment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
)

// answering is a server that answers each connection with a text and ends it.
func answering(t *testing.T, text string) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	stop = func() { _ = l.Close() }
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// proxied is what a server answers through the proxy, or the proxy's own answer, if it refuses.
func proxied(t *testing.T, socket, method, address string) string {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// as an API server asks
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", method, address); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(c)
	resp, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	all, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// TestAPIServersReachTheReplicasInTurn shows that connections to the Service of the webhooks reach each replica in turn
// and none that is gone, and that others go where they say.
func TestAPIServersReachTheReplicasInTurn(t *testing.T) {
	t.Parallel()
	s := &service{}
	e, err := listenEgress(s)
	if err != nil {
		t.Fatal(err)
	}
	defer e.stop()
	const at = "172.20.3.4:443"
	e.serve(func(_ context.Context, address netip.AddrPort) (bool, error) {
		if address.String() == "172.20.9.9:443" {
			return false, errors.New("the API server does not answer")
		}
		return address.String() == at, nil
	}, log.New(io.Discard, "", 0))
	if got := proxied(t, e.socket(), http.MethodConnect, at); !strings.HasPrefix(got, "502") {
		t.Errorf("without replicas it answers %q", got)
	}
	a, stopA := answering(t, "a")
	b, _ := answering(t, "b")
	s.use([]string{a, b})
	seen := map[string]int{}
	for range 4 {
		seen[proxied(t, e.socket(), http.MethodConnect, at)]++
	}
	if seen["a"] != 2 || seen["b"] != 2 {
		t.Errorf("answers: %v", seen)
	}
	stopA()
	for range 3 {
		if got := proxied(t, e.socket(), http.MethodConnect, at); got != "b" {
			t.Errorf("without the first replica it answers %q", got)
		}
	}
	other, _ := answering(t, "other")
	if got := proxied(t, e.socket(), http.MethodConnect, strings.Replace(other, "127.0.0.1", "localhost", 1)); got !=
		"other" {
		t.Errorf("another address answers %q", got)
	}
	for address, want := range map[string]string{a: "502", "172.20.9.9:443": "502"} {
		if got := proxied(t, e.socket(), http.MethodConnect, address); !strings.HasPrefix(got, want) {
			t.Errorf("%s answers %q, want %s", address, got, want)
		}
	}
	if got := proxied(t, e.socket(), http.MethodGet, "http://"+other+"/"); !strings.HasPrefix(got, "405") {
		t.Errorf("GET answers %q", got)
	}
	e.stop()
	if _, err := os.Stat(e.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory of the socket stays: %v", err)
	}
}

// TestWebhooksServiceIsFoundByItsAddress shows that only the port of the webhooks' Service counts, whatever name an
// upgrade gives the Service.
func TestWebhooksServiceIsFoundByItsAddress(t *testing.T) {
	t.Parallel()
	of := func(name, instance string, port int32, target string) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: releaseNamespace, Labels: map[string]string{
				instanceLabel: instance}},
			Spec: corev1.ServiceSpec{ClusterIP: "172.20.3.4", Ports: []corev1.ServicePort{{Port: port,
				TargetPort: intstr.FromString(target)}}}}
	}
	for name, tt := range map[string]struct {
		service *corev1.Service
		want    bool
	}{
		"of the release":           {of("any-webhook-service", releaseName, 443, "webhook-server"), true},
		"of metrics":               {of("metrics", releaseName, 443, "metrics-server"), false},
		"of another release":       {of("any-webhook-service", "other", 443, "webhook-server"), false},
		"another port of the same": {of("any-webhook-service", releaseName, 8443, "webhook-server"), false},
	} {
		got, err := webhookServices(fake.NewClientset(tt.service))(t.Context(), netip.MustParseAddrPort("172.20.3.4:443"))
		if err != nil || got != tt.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
