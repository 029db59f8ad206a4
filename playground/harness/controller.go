package harness

import (
	"context"
	"testing"
)

// RestartController ends the controller, if it runs, and starts it with the arguments. It returns when the new one is
// healthy.
func (c *Cluster) RestartController(t testing.TB, args ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Env.StopController()
	if err := c.Env.StartController(args...); err != nil {
		t.Fatal(err)
	}
	c.args = args
	ctx, cancel := context.WithTimeout(context.Background(), Timeout) // a clean-up may restart it, too
	defer cancel()
	if err := c.Env.WaitController(ctx); err != nil {
		t.Fatal(err)
	}
}

// KillController ends the controller as a crash would; RestartController starts another one.
func (c *Cluster) KillController() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Env.KillController()
}
