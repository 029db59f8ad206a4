package tracing_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
)

// mostMemory bounds what traces keep: two thousand spans wait at most, and those of a batch are encoded.
const mostMemory = 8 << 20

// heap is what is in use after garbage collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers kept
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestTracesKeepABoundedPartOfMemoryWhateverTheCollectorDoes records many passes with the parts and calls of the
// creation of a load balancer. It is not parallel: it measures the process.
func TestTracesKeepABoundedPartOfMemoryWhateverTheCollectorDoes(t *testing.T) {
	const passes = 2000
	for _, hangs := range []bool{false, true} {
		release := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if hangs {
				<-release
			}
		}))
		before := heap()
		tracer := newTracer(t, config.Traces{Endpoint: server.URL, Ratio: 1, Timeout: time.Second}, logr.Discard())
		units := tracing.NewPasses[int](tracer)
		for n := range passes {
			units.Note(n, "Ingress", "shop", fmt.Sprintf("front-%d", n))
			ctx, pass := units.Start(t.Context(), n, "ingress")
			pass.Set("lbc.stack", fmt.Sprintf("ingress.k8s.aws:shop/front-%d", n))
			for _, part := range []string{"load", "compile", "plan", "apply"} {
				ctx, span := tracing.Start(ctx, part)
				for _, operation := range []string{"DescribeTags", "CreateLoadBalancer", "CreateRule"} {
					tracing.RecordCall(ctx, awsclient.Call{Service: awsclient.ServiceELBV2, Operation: operation, Attempts: 1,
						Duration: time.Second, RequestID: fmt.Sprintf("7a62c49f-%08d", n)})
				}
				span.End(nil)
			}
			pass.End(nil)
		}
		kept := max(heap(), before) - before
		t.Logf("the collector hangs: %v; after %d passes with 17 spans each, %d KiB are kept", hangs, passes, kept>>10)
		if kept > mostMemory {
			t.Errorf("%d KiB are kept", kept>>10)
		}
		close(release)
		tracer.End()
		server.Close()
	}
}
