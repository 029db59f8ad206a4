package environment

import (
	"io"
	"net"
	"testing"
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

func ask(t *testing.T, address string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // only read
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestAServiceAsksItsReplicasInTurnAndLeavesOutThoseThatAreGone(t *testing.T) {
	t.Parallel()
	s, err := startService()
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	if got := ask(t, s.address()); got != "" {
		t.Errorf("without replicas it answers %q", got)
	}
	a, stopA := answering(t, "a")
	b, _ := answering(t, "b")
	s.use([]string{a, b})
	seen := map[string]int{}
	for range 4 {
		seen[ask(t, s.address())]++
	}
	if seen["a"] != 2 || seen["b"] != 2 {
		t.Errorf("answers: %v", seen)
	}
	stopA()
	for range 3 {
		if got := ask(t, s.address()); got != "b" {
			t.Errorf("without the first replica it answers %q", got)
		}
	}
}
