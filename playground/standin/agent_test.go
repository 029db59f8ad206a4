package standin

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// application is a server that counts how many requests it has at a time. It answers none before it has had two.
func application(t *testing.T) (dial func(context.Context) (net.Conn, error), most *atomic.Int32) {
	t.Helper()
	l := listen(t)
	var now atomic.Int32
	most = &atomic.Int32{}
	two := make(chan struct{})
	full := sync.OnceFunc(func() { close(two) })
	s := serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			was := most.Load()
			if n <= was || most.CompareAndSwap(was, n) {
				break
			}
		}
		if n == 2 {
			full()
		}
		select {
		case <-two:
		case <-r.Context().Done():
		}
		Handler(identity).ServeHTTP(w, r)
	}))
	t.Cleanup(func() { s.Shutdown(context.Background()) })
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}, most
}

func TestAnAgentGivesTheApplicationSoManyRequestsAtATime(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dial, most := application(t)
			data := listen(t)
			s := ServeAgent(Agent{Data: data, Control: listen(t), Dial: dial, Concurrency: 2, HTTP2: http2})
			client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+data.Addr().String(), nil)
					if err != nil {
						t.Error(err)
						return
					}
					req.Header.Set("X-Delay", "30ms")
					resp, err := client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						t.Errorf("status %d", resp.StatusCode)
					}
				})
			}
			all.Wait()
			if got := most.Load(); got != 2 {
				t.Errorf("%d requests at a time", got)
			}
			client.CloseIdleConnections()
			s.Shutdown(t.Context())
		})
	}
}

func TestAnAgentThatTakesNoRequestsAdmitsNoControlConnection(t *testing.T) {
	t.Parallel()
	for concurrency, open := range map[int]bool{0: false, 1: true} {
		control := listen(t)
		s := ServeAgent(Agent{Data: listen(t), Control: control, Concurrency: concurrency})
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", control.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = c.Read(make([]byte, 1))
		}()
		if open {
			select {
			case <-ended:
				t.Error("an agent that takes requests hangs up")
			case <-time.After(50 * time.Millisecond):
			}
			s.Shutdown(t.Context())
		}
		<-ended // at once with 0, else with the agent
		s.Shutdown(t.Context())
		_ = c.Close()
	}
}
