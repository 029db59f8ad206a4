package order_test

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/order"
)

func TestNewerMarksCoverOlderOnes(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		m, need order.Mark
		covers  bool
	}{
		"nothing was read":          {order.Mark{}, order.Mark{}, false},
		"anything will do":          {order.Mark{N: 1, At: noon}, order.Mark{}, true},
		"from the same event on":    {order.Mark{N: 5, At: noon}, order.Mark{N: 5, At: noon}, true},
		"before the event":          {order.Mark{N: 4, At: noon}, order.Mark{N: 5}, false},
		"before the time":           {order.Mark{N: 5, At: noon}, order.Mark{At: noon.Add(1)}, false},
		"an earlier process had it": {order.Mark{At: noon}, order.Mark{}, false},
	} {
		if c.m.Covers(c.need) != c.covers {
			t.Errorf("%s: %v", name, !c.covers)
		}
	}
}

func TestReadsShowEventsBeforeThem(t *testing.T) {
	t.Parallel()
	h := order.New(func() time.Time { return time.Time{} })
	before := h.Now()
	event := h.Next()
	if before.Covers(event) || !h.Now().Covers(event) || !event.Covers(before) {
		t.Errorf("%v, %v, %v", before, event, h.Now())
	}
}
