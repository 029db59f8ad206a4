package bench

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/process"
)

func TestABinaryIsUpWhenItsProbeAndItsMetricsAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	absent := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(process.Options{Path: "/bin/sleep", Args: []string{"60"}, Log: t.TempDir() + "/log"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(t.Context()) })
	there := strings.TrimPrefix(server.URL, "http://")
	for _, test := range []struct {
		health, metrics string
		want            bool
	}{{there, there, true}, {there, absent, false}, {absent, there, false}} {
		c := controller{health: test.health, metrics: test.metrics, http: server.Client(), process: p}
		if got, err := c.healthy(); err != nil || got != test.want {
			t.Errorf("probe at %s, metrics at %s: %t, %v", test.health, test.metrics, got, err)
		}
	}
}
