package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallsBesideDoNotWaitForThoseThatHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var begun atomic.Int32
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			EveryConcurrent(ctx, time.Second, 3, func(ctx context.Context) {
				begun.Add(1)
				<-ctx.Done()
			})
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := begun.Load(); n != 3 {
			t.Errorf("%d calls are under way, want 3", n)
		}
		cancel()
		<-ended
	})
}
