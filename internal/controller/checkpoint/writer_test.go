package checkpoint

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// TestPassesOverTargetsWaitForTheHeaderAloneAfterACrash reads checkpoints of which every ConfigMap but the header takes
// long. Only a leader that ended in order left what is registered.
func TestPassesOverTargetsWaitForTheHeaderAloneAfterACrash(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(*Store, context.Context) error
		want time.Duration
	}{
		"after a crash":        {(*Store).Flush, 0},
		"after an orderly end": {(*Store).Close, soonTimeout},
		"after a process of old": {func(s *Store, ctx context.Context) error { s.cfg.Scope = "other"; return s.Close(ctx) },
			0},
		"without an earlier one": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			if test.end != nil {
				former, _ := c.open(t, "demo")
				former.Put(memory("shop/web"), 1)
				must(t, test.end(former, t.Context()))
			}
			synctest.Test(t, func(t *testing.T) {
				fast := c.Client
				watched, ok := fast.(client.WithWatch)
				if !ok {
					t.Fatalf("%T cannot watch", fast)
				}
				slow := &cluster{
					Client: interceptor.NewClient(watched, interceptor.Funcs{Get: func(ctx context.Context, w client.WithWatch,
						key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
						if key.Name != "lbc-checkpoint" {
							time.Sleep(5 * time.Second)
						}
						return w.Get(ctx, key, o, opts...)
					}})}
				w := NewWriter(slow.process("demo"), func(Restored) {}, logr.Discard())
				begun := time.Now()
				go w.Restore(t.Context())
				for name, begin := range map[string]func(context.Context) (func(), error){"targets": w.BeginTargets,
					"all": w.Begin} {
					go func() {
						end, err := begin(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						end()
						took := time.Since(begun)
						if name == "targets" && took != test.want || name == "all" && took < 5*time.Second {
							t.Errorf("passes that need %s begin after %v", name, took)
						}
					}()
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
