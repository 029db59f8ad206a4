package dataplane_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// BenchmarkALB sends requests from parallel keep-alive clients over loopback through an ALB with 20 rules to a pod on
// the virtual network; client, load balancer and pod share the processors.
func BenchmarkALB(b *testing.B) {
	w := newWorld(b)
	w.pod("10.0.1.5", 8080, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "ok")
	}))
	w.group("a", "HTTP", "10.0.1.5")
	l := listener(80, "HTTP", forward("a"))
	for i := range int32(20) {
		l.Rules = append(l.Rules, onPath(i+1, "/nothing/"+string('a'+i)+"/*", notFound()))
	}
	w.balancer("web", stack.Application, l)
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.client()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, base+"/x", nil)
			res, err := c.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// BenchmarkUpdate is the cost of an update that changes nothing, with 1,000 load balancers of 5 rules.
func BenchmarkUpdate(b *testing.B) {
	var t topology.Topology
	w := newWorld(b)
	for i := range 1000 {
		l := listener(80, "HTTP", notFound())
		for r := range int32(5) {
			l.Rules = append(l.Rules, onPath(r+1, "/x/*", notFound()))
		}
		lb := w.balancer("web", stack.Application, l)
		lb.ARN += string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		lb.Zones, lb.Active = nil, i < 10
	}
	t = w.topo
	b.ReportAllocs()
	for b.Loop() {
		if err := w.plane.Update(t); err != nil {
			b.Fatal(err)
		}
	}
}
